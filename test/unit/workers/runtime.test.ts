/** The SDK's runtime ends with a failed attempt to connect. What the next attempt needs must not hang on what the ended one had. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach, describe, it } from 'node:test';
import { Runtime } from '@temporalio/worker';
import { createLogger, type Logger } from '../../../adapters/log/logger.ts';
import { freeLoopbackAddress, sdkMetricsAt } from '../../../workers/metrics/sdk-metrics.ts';
import { connectWorker } from '../../../workers/native-connection.ts';
import { installRuntime } from '../../../workers/runtime.ts';

const silent = createLogger('test', 'silent');
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function serve(address: string, body: string): Promise<string> {
  const server = createServer((_request, response) => response.end(body));
  servers.push(server);
  const [host, port] = address.split(':');
  await once(server.listen(Number(port), host), 'listening');
  return address;
}

/** Where the runtime that there is, or was last, serves its figures. */
function bindAddress(): string {
  const { metrics } = Runtime.defaultOptions.telemetryOptions ?? {};
  return (metrics as { prometheus: { bindAddress: string } }).prometheus.bindAddress;
}

const MOST_ATTEMPTS = 6;

describe("the SDK's runtime", () => {
  it('is made anew elsewhere when somebody took the address of the one that a failed attempt ended', async () => {
    const sdk = await installRuntime(silent, { coreLog: 'output', workerHeartbeats: false });
    const first = bindAddress();
    const stopping = new AbortController();
    const problems: string[] = [];
    const log = {
      ...silent,
      warn: ({ err }: { err?: Error }) => {
        problems.push(err?.message ?? '');
        // The core may end the runtime of a failed attempt after the next one has begun.
        if (bindAddress() !== first || problems.length === MOST_ATTEMPTS) stopping.abort();
      },
    } as unknown as Logger;
    let taken: Promise<string> | undefined;
    const connecting = connectWorker(
      { address: await freeLoopbackAddress(), namespace: 'default' },
      log,
      stopping.signal,
      { runtime: sdk, onFailed: () => void (taken ??= serve(first, 'stranger 1\n')) },
    );
    await assert.rejects(connecting);
    assert.equal(await taken, first);
    assert.ok(problems.length >= 2);
    for (const problem of problems) assert.doesNotMatch(problem, /address already in use|os error 98/i);
    assert.notEqual(bindAddress(), first);

    await sdk.ensure();
    const second = bindAddress();
    await sdk.ensure();
    assert.equal(bindAddress(), second);
    await Runtime.instance().shutdown();
    // A core that has counted nothing hangs up: what is asked is seen by what stands in for it.
    await serve(second, 'temporal_second 1\n');
    assert.equal(await sdk.text(), 'temporal_second 1\n');
  });
});

describe("the reading of the SDK's figures", () => {
  const at = async (body: string): Promise<string> => {
    const address = await serve(await freeLoopbackAddress(), body);
    return sdkMetricsAt(() => address).text();
  };

  it("takes the core's text", async () => {
    const text = '# HELP temporal_x x\n# TYPE temporal_x counter\ntemporal_x{a="b"} 1\n\ntemporal_y 2\n';
    assert.equal(await at(text), text);
    assert.equal(await at(''), '');
  });

  it('refuses what is not the core, and what is too long', async () => {
    await assert.rejects(at('temporal_x 1\nnode_load1 2\n'), /is not the SDK's core/);
    await assert.rejects(at('<html></html>'), /is not the SDK's core/);
    await assert.rejects(at('temporal_x 1\n'.repeat(1_500_000)), /more than 16777216 bytes/);
  });
});
