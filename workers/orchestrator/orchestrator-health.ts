/** What an orchestrator says of itself on its health port: whether it is ready, and what it waits for. */
import type { Worker } from '@temporalio/worker';
import { startHealthServer, type HealthServer } from '../../adapters/http/health-server.ts';
import { logLevelRoutes } from '../../adapters/http/log-level-routes.ts';
import { ownPod } from '../../adapters/kubernetes/own-pod.ts';
import { podKeys } from '../../adapters/kubernetes/pod-view.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import type { OrchestratorConfig } from '../../config/orchestrator.ts';
import type { Cluster } from '../../domain/ports/cluster.ts';
import { definitionKinds, orchestratorRights } from '../../domain/start-checks/rights.ts';
import { etcdSource, kubernetesSource, temporalSource } from '../check-sources.ts';
import { LastingEvents } from '../lasting-events.ts';
import type { MetricsSource } from '../metrics/sdk-metrics.ts';
import type { OrchestratorConnections } from './orchestrator-connections.ts';
import { StartChecks } from '../start-checks.ts';
import { workerReasons, type StartUp } from '../start-up.ts';

export interface OrchestratorHealthParts {
  readonly metrics: MetricsSource;
  readonly cluster: Cluster;
  readonly startUp: StartUp;
  /** Those that were made so far. */
  readonly workers: readonly Worker[];
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Listens, then begins with the checks at start. Rejects when the address is refused or taken. */
export async function startOrchestratorHealth(
  config: OrchestratorConfig,
  { kube, temporal }: OrchestratorConnections,
  { metrics, cluster, startUp, workers, log, signal }: OrchestratorHealthParts,
): Promise<HealthServer> {
  const lasting = new LastingEvents(async (event) => {
    const self = await ownPod(kube, podKeys(config.dialect));
    if (self !== undefined) await cluster.createEvent(self, event);
  }, log);
  const checks = new StartChecks(
    [
      temporalSource(config.temporal, temporal, { make: true }),
      lasting.around(etcdSource(config.etcd)),
      kubernetesSource(kube, config, orchestratorRights(config.dialect), definitionKinds(config.dialect)),
    ],
    log,
    signal,
  );
  const health = await startHealthServer({
    bindAddress: config.bindAddress,
    metrics,
    notReady: () => [...startUp.reasons(checks.reasons()), ...workerReasons(workers), ...checks.reasons()],
    checks: () => checks.checks(),
    refresh: () => checks.refresh(),
    local: logLevelRoutes(log),
  });
  checks.start();
  return health;
}
