/**
 * The reflector by itself, as Contiv KSR was: watches, the Temporal worker that writes, and KSR's REST API, in one process. It takes its
 * work from a queue of its own, so that it may run beside podwire's control plane or without it.
 */
import type { Logger } from '../../adapters/log/logger.ts';
import { exposeExpiry } from '../../adapters/tls/expiry-metric.ts';
import type { KsrConfig } from '../../config/reflect/ksr.ts';
import { ksrRights } from '../../domain/start-checks/rights.ts';
import { TemporalReach } from '../../watcher/readiness.ts';
import { etcdSource, kubernetesSource, temporalSource } from '../check-sources.ts';
import { createPartMetrics } from '../metrics/part-metrics.ts';
import { withSdk } from '../metrics/sdk-metrics.ts';
import { exitOnFaults } from '../exit-on-faults.ts';
import { openKsrConnections, type KsrConnections } from './ksr-connections.ts';
import { startKsrHttp } from './ksr-http.ts';
import { ksrLoggers } from './ksr-loggers.ts';
import { LOGGER_OF } from './ksr-parts.ts';
import { KsrState } from './ksr-state.ts';
import { startKsrUpkeep } from './ksr-upkeep.ts';
import { createKsrWatches } from './ksr-watches.ts';
import { workUntilStopped } from './ksr-worker.ts';
import { loggedActivities } from '../logged-activities.ts';
import { Opened } from '../opened.ts';
import { createReflectionWorker } from './reflect-activities.ts';
import { installRuntime } from '../runtime.ts';
import { StartChecks } from '../start-checks.ts';
import { toldToEnd } from '../told-to-end.ts';

/** Runs until SIGTERM or SIGINT. Rejects when it cannot start (address taken, kubeconfig broken) or the worker fails for good. */
export async function runKsr(config: KsrConfig): Promise<void> {
  const loggers = ksrLoggers(config.logs);
  const log = loggers.logger('ksr');
  for (const warning of config.warnings) log.warn(warning);
  exitOnFaults(log);
  const { signal } = toldToEnd();
  const sdk = await installRuntime(loggers.logger('temporal'));

  const { reflect } = config;
  const opened = new Opened();
  const { registry, calls } = createPartMetrics('ksr');
  const connections = openKsrConnections(config, calls, log, opened);
  const { credentials, kube, temporal } = connections;
  exposeExpiry(registry, credentials);
  const metrics = withSdk(registry, sdk);
  const writer = createReflectionWorker(reflect, kube, (kind) => loggers.logger(LOGGER_OF[kind]), credentials);
  opened.add(writer, (each) => each.close());
  const reach = new TemporalReach(temporal.probe, loggers.logger('temporal'));
  const watches = createKsrWatches(reflect.settings, connections, reach, loggers);
  const { ledger } = writer;
  const state = new KsrState({ reach, watches, ledger });
  const checks = ksrChecks(config, connections, log, signal);
  const rest = await startKsrHttp(config, { loggers, state, ledger, checks, metrics });
  log.info({ rest: rest?.address ?? 'disabled', ...reflect.settings, etcd: reflect.etcd.endpoints }, 'reflecting');

  const upkeep = startKsrUpkeep(config, connections, ledger, loggers, opened);
  checks.start();
  reach.start();
  watches.start();
  try {
    await workUntilStopped(
      { temporal: config.temporal, credentials, runtime: sdk, sdkTuning: config.sdkTuning },
      loggedActivities(writer.activities, log),
      loggers.logger('temporal'),
      signal,
      (worker) => {
        state.worker = worker;
      },
    );
  } finally {
    reach.stop();
    await Promise.all([watches.stop(), upkeep.stop(), rest?.stop()]);
    await opened.close();
  }
  log.info('stopped');
}

function ksrChecks(
  config: KsrConfig,
  { kube, temporal }: KsrConnections,
  log: Logger,
  signal: AbortSignal,
): StartChecks {
  return new StartChecks(
    [
      temporalSource(config.temporal, temporal, { make: true }),
      etcdSource(config.reflect.etcd, { setting: 'etcd.conf: endpoints' }),
      kubernetesSource(kube, { kubeconfig: config.kubeconfig, setting: 'KUBE_CONFIG' }, ksrRights()),
    ],
    log,
    signal,
  );
}
