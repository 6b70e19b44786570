/** KSR's REST API: probes, levels of loggers, Prometheus. Paths, status codes and bodies are those of KSR and ligato's cn-infra. */
import type { Registry } from 'prom-client';
import { isAlive, overallState, type AgentStatus, type PartState } from '../../domain/reflect/agent-status.ts';
import { ksrLevel } from '../../domain/reflect/log-levels.ts';
import type { LoggerRegistry } from '../log/logger-registry.ts';
import type { Check } from '../../domain/start-checks/check.ts';
import { readiness } from '../http/health-server.ts';
import { text, type Route } from '../http/routes.ts';
import type { Answer } from '../http/web-server.ts';

export interface KsrRest {
  readonly loggers: LoggerRegistry;
  /** Called per request, so it has to be cheap. */
  readonly parts: () => readonly PartState[];
  readonly status: (parts: readonly PartState[]) => AgentStatus;
  /** KSR's gauges. */
  readonly stats: Registry;
  readonly health: Registry;
  /** The process's own figures. */
  readonly metrics: Pick<Registry, 'contentType' | 'metrics'>;
  /** What was looked for at the start. */
  readonly checks: () => readonly Check[];
  /** Why the start is not over yet. */
  readonly startReasons: () => readonly string[];
  /** Told after a level was set. */
  readonly onLevel: (logger: string, level: string) => void;
}

/** A level that is none does not fit the path, and gets a plain 404 as from KSR; `warning` is KSR v1.0's word. */
const LEVEL_PATH = /^\/log\/([^/]+)\/(debug|info|warn|warning|error|fatal|panic)$/;

export function ksrRoutes(rest: KsrRest): Route[] {
  const get = (path: RegExp, handle: () => Answer | Promise<Answer>): Route => ({ method: 'GET', path, handle });
  return [
    get(/^\/liveness$/, () => probe(rest, isAlive)),
    get(/^\/readiness$/, () => probe(rest, (parts) => overallState(parts) === 'ok')),
    // As every part of podwire has them, for `podwire doctor`; KSR had none.
    get(/^\/healthz$/, () => text(200, 'ok\n')),
    get(/^\/readyz$/, () => readiness(reasonsOf(rest), rest.checks())),
    get(/^\/stats$/, () => prometheus(rest.stats)),
    get(/^\/health$/, () => prometheus(rest.health)),
    get(/^\/metrics$/, () => prometheus(rest.metrics)),
    get(/^\/log\/list$/, () => json(200, rest.loggers.list())),
    { method: 'PUT', path: LEVEL_PATH, handle: (logger = '', level = '') => setLevel(rest, logger, level) },
  ];
}

function probe(rest: KsrRest, isGood: (parts: readonly PartState[]) => boolean): Answer {
  const parts = rest.parts();
  return text(isGood(parts) ? 200 : 500, JSON.stringify(rest.status(parts)));
}

const reasonsOf = ({ parts, startReasons }: KsrRest): string[] => [
  ...parts().flatMap(({ name, state, error }) => (state === 'ok' ? [] : [`${name}: ${error ?? state}`])),
  ...startReasons(),
];

async function prometheus(registry: KsrRest['metrics']): Promise<Answer> {
  return { status: 200, type: registry.contentType, body: await registry.metrics() };
}

function setLevel(rest: KsrRest, logger: string, written: string): Answer {
  const level = ksrLevel(written);
  try {
    if (level === undefined) throw new RangeError(`${JSON.stringify(written)} is no level`);
    rest.loggers.setLevel(logger, level);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return json(404, { Error: error.message });
  }
  rest.onLevel(logger, level);
  return json(200, { logger, level: written });
}

/** Indented, as KSR's are. */
const json = (status: number, value: unknown): Answer => ({
  status,
  type: 'application/json; charset=UTF-8',
  body: `${JSON.stringify(value, undefined, 2)}\n`,
});
