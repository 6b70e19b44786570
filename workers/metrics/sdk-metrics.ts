/**
 * The Temporal SDK's own figures on the endpoint of the part that runs it (ADR 64). The SDK's core adds them up and serves them as text on an
 * address of its own: one of the loopback interface, which is read when somebody asks the part.
 */
import { get } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

/** What Prometheus reads of a part. */
export type MetricsSource = Pick<Registry, 'contentType' | 'metrics'>;

export interface SdkMetrics {
  /** In Prometheus' text format. Rejects when the core does not answer in time, or somebody else answers. */
  text(): Promise<string>;
}

const LIMIT_MS = 2_000;
const LIMIT_BYTES = 16 * 1024 * 1024;
/** A line that the core does not write. The port of a core that has ended may be another program's by now. */
const STRANGE = /^(?!temporal_|#|$)/m;
const HOST = '127.0.0.1';

/** A loopback address whose port nobody has at this moment. */
export async function freeLoopbackAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, HOST, resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  return `${HOST}:${port}`;
}

/** @param address where the core serves its figures at the moment */
export const sdkMetricsAt = (address: () => string): SdkMetrics => ({
  text: async () => {
    const url = `http://${address()}/metrics`;
    const text = await textOf(url);
    if (STRANGE.test(text)) throw new Error(`what answers at ${url} is not the SDK's core`);
    return text;
  },
});

/** Both as one text. Without the SDK's the part's own are answered, with a comment that says why. */
export const withSdk = (registry: Registry, sdk: SdkMetrics): MetricsSource => ({
  contentType: registry.contentType,
  metrics: async () => {
    const [own, its] = await Promise.all([registry.metrics(), sdk.text().catch(commentOf)]);
    return `${own.trimEnd()}\n${its}`;
  },
});

const commentOf = (error: unknown): string => {
  const why = error instanceof Error ? error.message : String(error);
  return `# the Temporal SDK's figures could not be read: ${why.replaceAll('\n', ' ')}\n`;
};

function textOf(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, signal: AbortSignal.timeout(LIMIT_MS) }, (answer) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > LIMIT_BYTES) answer.destroy(new Error(`${url} answered more than ${LIMIT_BYTES} bytes`));
        else chunks.push(chunk);
      });
      answer.once('error', reject);
      answer.once('end', () => {
        if (answer.statusCode === 200) resolve(Buffer.concat(chunks).toString('utf8'));
        else reject(new Error(`${url} answered ${answer.statusCode ?? 0}`));
      });
    });
    request.once('error', reject);
  });
}
