/** Health, readiness and metrics over plain HTTP, for kubelet probes and Prometheus. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface HealthServerOptions {
  /** `host:port`, `[v6]:port` or `:port` (every address); port 0 lets the system choose. */
  readonly bindAddress: string;
  readonly metrics: Registry;
  /** Why the process is not ready; empty means ready. Called per request, so it has to be cheap. */
  readonly notReady: () => readonly string[];
}

export interface HealthServer {
  /** Where it listens, as `host:port`. */
  readonly address: string;
  /** Stops listening and ends open connections, idle keep-alive ones first. */
  stop(): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 5_000;
const STOP_GRACE_MS = 1_000;

/** Starts the server; rejects when the address is refused or taken. */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    void answer(request.url ?? '/', response, options);
  });
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = REQUEST_TIMEOUT_MS;
  server.maxConnections = 100;
  const { host, port } = splitAddress(options.bindAddress);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const bound = server.address() as AddressInfo;
  const shown = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return { address: `${shown}:${bound.port}`, stop: () => stop(server) };
}

async function answer(url: string, response: ServerResponse, options: HealthServerOptions): Promise<void> {
  const path = url.split('?', 1)[0];
  try {
    if (path === '/healthz') return send(response, 200, 'text/plain', 'ok\n');
    if (path === '/metrics') {
      const body = await options.metrics.metrics();
      return send(response, 200, options.metrics.contentType, body);
    }
    if (path === '/readyz') {
      const reasons = options.notReady();
      const body = JSON.stringify({ ready: reasons.length === 0, reasons });
      return send(response, reasons.length === 0 ? 200 : 503, 'application/json', `${body}\n`);
    }
    send(response, 404, 'text/plain', 'Not found. Try /healthz, /readyz or /metrics.\n');
  } catch (error) {
    send(response, 500, 'text/plain', `${error instanceof Error ? error.message : String(error)}\n`);
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}

async function stop(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeIdleConnections();
    setTimeout(() => {
      server.closeAllConnections();
    }, STOP_GRACE_MS).unref();
  });
}

/** Splits `host:port`; throws an Error that names the address. */
export function splitAddress(address: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^[\]:]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new Error(`Address "${address}" is not host:port. Write for example 127.0.0.1:9464, [::1]:9464 or :9464.`);
  }
  return { host: match[1] ?? match[2] ?? '', port };
}
