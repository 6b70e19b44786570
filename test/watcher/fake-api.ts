/**
 * A small Kubernetes API over loopback HTTP for faults that a real one cannot be made to show on demand: a stream that falls silent
 * without ending, 410 in mid-stream, a truncated line, a name reused within one event, a list that is empty or old, 429 with Retry-After.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface FakePod {
  readonly metadata: {
    readonly uid: string;
    readonly namespace: string;
    readonly name: string;
    readonly resourceVersion: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  readonly spec: { readonly nodeName?: string };
}

interface Stream {
  readonly response: ServerResponse;
  silent: boolean;
}

type Fault = (response: ServerResponse) => void;

export class FakeApi {
  readonly #server = createServer((request, response) => {
    this.#answer(request, response);
  });
  #oldest = 0;
  readonly #dir = mkdtempSync(join(tmpdir(), 'podwire-fake-api-'));
  readonly #objects = new Map<string, FakePod>();
  /** Everything that happened, for watches that resume. */
  #past: { version: number; line: string }[] = [];
  readonly #streams = new Set<Stream>();
  #version = 100;
  #port = 0;
  connections = 0;
  /** One per request, in order. */
  readonly requests: { path: string; query: URLSearchParams }[] = [];
  /** Each takes the place of one answer to a list. */
  readonly listFaults: Fault[] = [];
  readonly watchFaults: Fault[] = [];
  /** Answers nothing at all. */
  mute = false;

  constructor() {
    this.#server.on('connection', () => {
      this.connections += 1;
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Connection refused from here on; `start` brings it back on the same port. */
  async stop(): Promise<void> {
    this.#streams.clear();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  remove(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }

  kubeconfig(): string {
    const path = join(this.#dir, 'kubeconfig');
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        { name: 'fake', cluster: { server: `http://127.0.0.1:${this.#port}`, 'insecure-skip-tls-verify': true } },
      ],
      users: [{ name: 'fake', user: {} }],
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake' } }],
      'current-context': 'fake',
    };
    writeFileSync(path, JSON.stringify(config));
    return path;
  }

  watches(): number {
    return this.#streams.size;
  }

  lists(): number {
    return this.requests.filter(({ query }) => !query.has('watch') && !query.has('continue')).length;
  }

  put(uid: string, name: string, annotation?: string, type?: 'ADDED' | 'MODIFIED'): void {
    this.#version += 1;
    const pod: FakePod = {
      metadata: {
        uid,
        namespace: 'default',
        name,
        resourceVersion: String(this.#version),
        ...(annotation === undefined
          ? {}
          : { labels: { 'vxlan.openvnf.org': '' }, annotations: { 'vxlan.openvnf.org/networks': annotation } }),
      },
      spec: { nodeName: 'n1' },
    };
    const kind = type ?? (this.#objects.has(uid) ? 'MODIFIED' : 'ADDED');
    this.#objects.set(uid, pod);
    this.#publish(kind, pod);
  }

  /** Changes the store without an event: what a watch ought to tell and does not. */
  forgetQuietly(uid: string): void {
    this.#version += 1;
    this.#objects.delete(uid);
  }

  delete(uid: string): void {
    const pod = this.#objects.get(uid);
    if (pod === undefined) return;
    this.#version += 1;
    this.#objects.delete(uid);
    this.#publish('DELETED', { ...pod, metadata: { ...pod.metadata, resourceVersion: String(this.#version) } });
  }

  /** Writes text as it is to every open watch. */
  raw(text: string): void {
    for (const { response } of this.#streams) response.write(text);
  }

  /** Open watches stay open and say nothing any more. */
  silence(): void {
    for (const stream of this.#streams) stream.silent = true;
  }

  cut(): void {
    for (const { response } of this.#streams) response.destroy();
    this.#streams.clear();
  }

  endStreams(): void {
    for (const { response } of this.#streams) response.end();
    this.#streams.clear();
  }

  /** As etcd's compaction: a watch from before now gets 410. */
  compact(): void {
    this.#past = [];
    this.#version += 1;
    this.#oldest = this.#version;
  }

  #publish(type: string, object: FakePod): void {
    const line = `${JSON.stringify({ type, object })}\n`;
    this.#past.push({ version: this.#version, line });
    for (const { response, silent } of this.#streams) if (!silent) response.write(line);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://fake');
    this.requests.push({ path: url.pathname, query: url.searchParams });
    if (this.mute) return;
    if (!url.searchParams.has('watch')) {
      const fault = this.listFaults.shift();
      if (fault === undefined) this.#list(url.searchParams, response);
      else fault(response);
      return;
    }
    const fault = this.watchFaults.shift();
    if (fault === undefined) this.#watch(Number(url.searchParams.get('resourceVersion')), response);
    else fault(response);
  }

  #list(query: URLSearchParams, response: ServerResponse): void {
    const limit = Number(query.get('limit') ?? Infinity);
    const from = Number(query.get('continue') ?? 0);
    const all = [...this.#objects.values()];
    const next = from + limit < all.length ? { continue: String(from + limit) } : {};
    sendJson(response, 200, {
      kind: 'List',
      metadata: { resourceVersion: String(this.#version), ...next },
      items: all.slice(from, from + limit),
    });
  }

  #watch(from: number, response: ServerResponse): void {
    if (from < this.#oldest) {
      sendJson(response, 410, { kind: 'Status', code: 410, message: 'too old resource version' });
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const stream: Stream = { response, silent: false };
    this.#streams.add(stream);
    response.on('close', () => this.#streams.delete(stream));
    for (const { version, line } of this.#past) if (version > from) response.write(line);
  }
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
