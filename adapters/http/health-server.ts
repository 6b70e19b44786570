/** Health, readiness and metrics over plain HTTP, for kubelet probes and Prometheus. */
import type { IncomingMessage } from 'node:http';
import type { Registry } from 'prom-client';
import type { Check } from '../../domain/start-checks/check.ts';
import { isFromHere, route, type Route } from './routes.ts';
import { startWebServer, type Answer, type WebServer } from './web-server.ts';

export interface HealthServerOptions {
  /** `host:port`, `[v6]:port` or `:port` (every address); port 0 lets the system choose. */
  readonly bindAddress: string;
  readonly metrics: Pick<Registry, 'contentType' | 'metrics'>;
  /** Why the process is not ready; empty means ready. Called per request, so it has to be cheap. */
  readonly notReady: () => readonly string[];
  /** What was looked for at the start, and how it is; for `podwire doctor`. */
  readonly checks?: () => readonly Check[];
  /** Looks for all of that anew; asked for by `/readyz?fresh=true`. Bounds itself, for anybody may ask. */
  readonly refresh?: () => Promise<void>;
  /** What programs of the same machine may ask as well, and nobody else: what is there at the moment of a request. */
  readonly local?: readonly Route[];
}

export type HealthServer = WebServer;

/** Starts the server; rejects when the address is refused or taken. */
export function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  return startWebServer({
    bindAddress: options.bindAddress,
    handle: (request) => answer(request, options),
  });
}

async function answer(request: IncomingMessage, options: HealthServerOptions): Promise<Answer> {
  const { url = '/' } = request;
  const [path, query] = url.split('?', 2);
  try {
    if (path === '/healthz') return text(200, 'ok\n');
    if (path === '/metrics')
      return { status: 200, type: options.metrics.contentType, body: await options.metrics.metrics() };
    if (path === '/readyz') {
      if (query === 'fresh=true') await options.refresh?.();
      return readiness(options.notReady(), options.checks?.() ?? []);
    }
    return await localAnswer(path ?? url, request, options.local ?? []);
  } catch (error) {
    return text(500, `${error instanceof Error ? error.message : String(error)}\n`);
  }
}

async function localAnswer(path: string, request: IncomingMessage, local: readonly Route[]): Promise<Answer> {
  if (!local.some((each) => each.path.test(path))) return text(404, 'Not found. Try /healthz, /readyz or /metrics.\n');
  return isFromHere(request) ? await route(local, request) : text(403, 'This is answered on the node itself only.\n');
}

/** Also for servers with paths of their own. `time` is this process's clock, which a person's may be compared with. */
export function readiness(reasons: readonly string[], checks: readonly Check[]): Answer {
  const body = JSON.stringify({ ready: reasons.length === 0, reasons, checks, time: new Date().toISOString() });
  return { status: reasons.length === 0 ? 200 : 503, type: 'application/json', body: `${body}\n` };
}

const text = (status: number, body: string): Answer => ({ status, type: 'text/plain', body });
