/**
 * The reflector by itself, as Contiv KSR was: watches, the Temporal worker that writes, and KSR's REST API, in one process. It takes its
 * work from a queue of its own, so that it may run beside podwire's control plane or without it.
 */
import { collectDefaultMetrics, Registry } from 'prom-client';
import { startAutoCompaction } from '../adapters/etcd/auto-compaction.ts';
import { openEtcd } from '../adapters/etcd/open.ts';
import { openReflectStore } from '../adapters/etcd/reflect-store.ts';
import { ksrRoutes } from '../adapters/http/ksr-rest.ts';
import { route } from '../adapters/http/routes.ts';
import { startWebServer } from '../adapters/http/web-server.ts';
import { createKubeClient } from '../adapters/kubernetes/client.ts';
import { createLogger, type Logger } from '../adapters/log/logger.ts';
import { LoggerRegistry } from '../adapters/log/logger-registry.ts';
import { createReflectCodec } from '../adapters/reflect/codec.ts';
import { connectClient } from '../adapters/temporal/connection.ts';
import { signalDirty, signalResync } from '../adapters/temporal/reflect-starter.ts';
import { exposeExpiry } from '../adapters/tls/expiry-metric.ts';
import { RotatingCredentials } from '../adapters/tls/rotation.ts';
import type { KsrConfig } from '../config/ksr.ts';
import { AgentStatusRecord, type PartState } from '../domain/ksr/agent-status.ts';
import { KSR_LOGGERS } from '../domain/ksr/log-levels.ts';
import { REFLECT_QUEUE, REFLECT_SOURCES } from '../domain/reflection/messages.ts';
import { Reflection } from '../watcher/reflection.ts';
import { TemporalReach, watchReasons } from '../watcher/readiness.ts';
import { ksrRights } from '../domain/start-checks/rights.ts';
import { buildInfo } from './build-info.ts';
import { etcdSource, kubernetesSource, temporalSource } from './check-sources.ts';
import { healthRegistry, statsRegistry } from './ksr-metrics.ts';
import { LOGGER_OF, partStates, type Observed } from './ksr-parts.ts';
import { startStatisticsWriter } from './ksr-statistics.ts';
import { watchLog } from './ksr-watch-log.ts';
import { workUntilStopped } from './ksr-worker.ts';
import { loggedActivities } from './logged-activities.ts';
import { createReflectionWorker } from './reflection.ts';
import { StartChecks } from './start-checks.ts';
import { installRuntime } from './runtime.ts';

const STALL_MS = 60_000;
/** Loggers that exist from the start beside KSR's, by KSR's names where it has them. */
const OTHER_LOGGERS = ['etcd', 'http', 'temporal'] as const;

/** Runs until SIGTERM or SIGINT. Rejects when it cannot start (address taken, kubeconfig broken) or the worker fails for good. */
export async function runKsr(config: KsrConfig): Promise<void> {
  const loggers = new LoggerRegistry(createLogger('ksr', 'trace'), config.logs.initial);
  for (const { logger, level } of config.logs.levels) loggers.setLevel(logger, level);
  for (const name of [...KSR_LOGGERS, ...OTHER_LOGGERS]) loggers.logger(name);
  const log = loggers.logger('ksr');
  for (const warning of config.warnings) log.warn(warning);
  exitOnFaults(log);
  installRuntime(loggers.logger('temporal'));

  const stopped = new AbortController();
  const stopEarly = (): void => stopped.abort();
  process.once('SIGTERM', stopEarly);
  process.once('SIGINT', stopEarly);

  const { reflect } = config;
  const credentials = new RotatingCredentials(log);
  const kube = createKubeClient({ kubeconfig: config.kubeconfig });
  const temporal = connectClient(config.temporal, credentials);
  const reach = new TemporalReach(temporal.probe, loggers.logger('temporal'));
  const writer = createReflectionWorker(reflect, kube, (kind) => loggers.logger(LOGGER_OF[kind]), credentials);
  const store = openReflectStore(reflect.etcd, credentials);
  const etcdLog = loggers.logger('etcd');
  const reflection = new Reflection({
    ...{ client: kube, store, settings: reflect.settings, timings: { stallMs: STALL_MS }, log, podsElsewhere: false },
    sendDirty: (source, names) => signalDirty(temporal.client, source, names, REFLECT_QUEUE),
    sendResync: (source, reason) => signalResync(temporal.client, source, reason, REFLECT_QUEUE),
    onSent: (source, lagMs) => {
      reach.reached();
      loggers.logger(LOGGER_OF[source]).debug({ kind: source, lagMs: Math.round(lagMs) }, 'signalled');
    },
    observer: (kind) => watchLog(kind, loggers.logger(loggerOfWatch(kind))),
  });

  let worker: Observed['worker'] = { state: 'starting', problem: 'Temporal has not answered yet' };
  const parts = (): PartState[] =>
    partStates({
      worker,
      etcd: reflection.etcdProblem,
      temporal: reach.reasons()[0],
      watches: (source) => reflection.watchStates(source),
      stalled: (source) =>
        reflection
          .watchStates(source)
          .filter(({ synced }) => synced)
          .flatMap((state) => watchReasons(source, state, STALL_MS))[0],
      writes: (source) => writer.ledger.state(source),
    });
  const build = buildInfo(process.env);
  const status = new AgentStatusRecord(build, now());
  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics });
  exposeExpiry(metrics, credentials);
  const checks = new StartChecks(
    [
      temporalSource(config.temporal, temporal, { make: true }),
      etcdSource(reflect.etcd, { setting: 'etcd.conf: endpoints' }),
      kubernetesSource(kube, { kubeconfig: config.kubeconfig, setting: 'KUBE_CONFIG' }, ksrRights()),
    ],
    log,
    stopped.signal,
  );
  const routes = ksrRoutes({
    ...{ loggers, parts, metrics, checks: () => checks.checks(), startReasons: () => checks.reasons() },
    status: (current) => status.status(current, now()),
    stats: statsRegistry(reflect.settings.label, writer.ledger),
    health: healthRegistry(reflect.settings.label, build, parts),
    onLevel: (logger, level) => loggers.logger('http').info({ changed: logger, level }, 'log level set'),
  });
  const rest = config.http.disabled
    ? undefined
    : await startWebServer({ ...config.http, handle: (request) => route(routes, request, writesOf(config.http)) });
  log.info({ rest: rest?.address ?? 'disabled', ...reflect.settings, etcd: reflect.etcd.endpoints }, 'reflecting');

  const compactor = config.autoCompactMs === 0 ? undefined : openEtcd(reflect.etcd, credentials);
  const compaction =
    compactor &&
    startAutoCompaction(compactor, config.autoCompactMs, {
      compacted: (revision) => etcdLog.debug({ revision }, 'compacted'),
      failed: (error) => etcdLog.warn({ err: error }, 'compaction failed; it is tried again in the next period'),
    });
  const statistics = startStatisticsWriter({
    ...{ store, settings: reflect.settings, ledger: writer.ledger },
    codec: createReflectCodec(reflect.settings.encoding),
    onFailed: (error) => loggers.logger('ksr-metrics').debug({ err: error }, 'statistics not written'),
  });
  checks.start();
  reach.start();
  reflection.start();
  try {
    const activities = loggedActivities(writer.activities, log);
    await workUntilStopped(
      { temporal: config.temporal, credentials, sdkTuning: config.sdkTuning },
      activities,
      loggers.logger('temporal'),
      stopped.signal,
      (state) => {
        worker = state;
      },
    );
  } finally {
    reach.stop();
    await Promise.all([reflection.stop(), statistics.stop(), compaction?.stop(), rest?.stop()]);
    await temporal.close();
    for (const client of [store, compactor, writer, kube]) client?.close();
    credentials.stop();
  }
  log.info('stopped');
}

/** Seconds since the epoch. */
const now = (): number => Math.floor(Date.now() / 1_000);

/** @param kind as the watcher calls it: `reflect-pod`, `reflect-endpointslice` */
function loggerOfWatch(kind: string): string {
  const source = REFLECT_SOURCES.find((each) => `reflect-${each}` === kind) ?? 'endpoints';
  return LOGGER_OF[source];
}

/** Nothing is expected to come here; if something does, its state is unknown and a restart is the safe answer. */
function exitOnFaults(log: Logger): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, event);
      process.exit(1);
    });
  }
}

/** Without names and certificates anybody who reaches the port could change what is logged. */
function writesOf({ users = [], tls }: KsrConfig['http']): 'loopback' | 'anywhere' {
  return users.length > 0 || (tls?.clientCas.length ?? 0) > 0 ? 'anywhere' : 'loopback';
}
