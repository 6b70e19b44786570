/** KSR's REST API, served for one reflector. */
import { ksrRoutes } from '../../adapters/reflect/ksr-rest.ts';
import { route } from '../../adapters/http/routes.ts';
import { startWebServer, type WebServer } from '../../adapters/http/web-server.ts';
import type { LoggerRegistry } from '../../adapters/log/logger-registry.ts';
import type { KsrConfig } from '../../config/reflect/ksr.ts';
import { AgentStatusRecord } from '../../domain/reflect/agent-status.ts';
import type { RecordKind } from '../../domain/reflect/kinds.ts';
import type { ReflectionLedger } from '../../domain/reflect/statistics.ts';
import { buildInfo } from '../build-info.ts';
import type { MetricsSource } from '../metrics/sdk-metrics.ts';
import { healthRegistry, statsRegistry } from './ksr-metrics.ts';
import type { KsrState } from './ksr-state.ts';
import type { StartChecks } from '../start-checks.ts';

export interface KsrHttpParts {
  readonly loggers: LoggerRegistry;
  readonly state: KsrState;
  readonly ledger: ReflectionLedger<RecordKind>;
  readonly checks: StartChecks;
  /** The process's own figures. */
  readonly metrics: MetricsSource;
}

/** @returns undefined when the settings want none. Rejects when the address is refused or taken. */
export async function startKsrHttp(
  { http, reflect: { settings } }: KsrConfig,
  { loggers, state, ledger, checks, metrics }: KsrHttpParts,
): Promise<WebServer | undefined> {
  if (http.disabled) return undefined;
  const parts = () => state.parts();
  const build = buildInfo(process.env);
  const status = new AgentStatusRecord(build, now());
  const routes = ksrRoutes({
    ...{ loggers, parts, metrics, checks: () => checks.checks(), startReasons: () => checks.reasons() },
    status: (current) => status.status(current, now()),
    stats: statsRegistry(settings.label, ledger),
    health: healthRegistry(settings.label, build, parts),
    onLevel: (logger, level) => loggers.logger('http').info({ changed: logger, level }, 'log level set'),
  });
  return startWebServer({ ...http, handle: (request) => route(routes, request, writesOf(http)) });
}

/** Seconds since the epoch. */
const now = (): number => Math.floor(Date.now() / 1_000);

/** Without names and certificates anybody who reaches the port could change what is logged. */
function writesOf({ users = [], tls }: KsrConfig['http']): 'loopback' | 'anywhere' {
  return users.length > 0 || (tls?.clientCas.length ?? 0) > 0 ? 'anywhere' : 'loopback';
}
