/** Health, readiness and metrics over plain HTTP, for kubelet probes and Prometheus. */
import type { Registry } from 'prom-client';
import type { Check } from '../../domain/start-checks/check.ts';
import { startWebServer, type Answer, type WebServer } from './web-server.ts';

export interface HealthServerOptions {
  /** `host:port`, `[v6]:port` or `:port` (every address); port 0 lets the system choose. */
  readonly bindAddress: string;
  readonly metrics: Registry;
  /** Why the process is not ready; empty means ready. Called per request, so it has to be cheap. */
  readonly notReady: () => readonly string[];
  /** What was looked for at the start, and how it is; for `podwire doctor`. */
  readonly checks?: () => readonly Check[];
  /** Looks for all of that anew; asked for by `/readyz?fresh=true`. Bounds itself, for anybody may ask. */
  readonly refresh?: () => Promise<void>;
}

export type HealthServer = WebServer;

/** Starts the server; rejects when the address is refused or taken. */
export function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  return startWebServer({
    bindAddress: options.bindAddress,
    handle: ({ url = '/' }) => answer(url, options),
  });
}

async function answer(url: string, options: HealthServerOptions): Promise<Answer> {
  const [path, query] = url.split('?', 2);
  try {
    if (path === '/healthz') return text(200, 'ok\n');
    if (path === '/metrics')
      return { status: 200, type: options.metrics.contentType, body: await options.metrics.metrics() };
    if (path === '/readyz') {
      if (query === 'fresh=true') await options.refresh?.();
      return readiness(options.notReady(), options.checks?.() ?? []);
    }
    return text(404, 'Not found. Try /healthz, /readyz or /metrics.\n');
  } catch (error) {
    return text(500, `${error instanceof Error ? error.message : String(error)}\n`);
  }
}

/** Also for servers with paths of their own. `time` is this process's clock, which a person's may be compared with. */
export function readiness(reasons: readonly string[], checks: readonly Check[]): Answer {
  const body = JSON.stringify({ ready: reasons.length === 0, reasons, checks, time: new Date().toISOString() });
  return { status: reasons.length === 0 ? 200 : 503, type: 'application/json', body: `${body}\n` };
}

const text = (status: number, body: string): Answer => ({ status, type: 'text/plain', body });
