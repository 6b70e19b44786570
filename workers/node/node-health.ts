/** What a node worker says of itself on its health port: whether it is ready, and what it waits for. */
import type { Worker } from '@temporalio/worker';
import { startHealthServer, type HealthServer } from '../../adapters/http/health-server.ts';
import type { Route } from '../../adapters/http/routes.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import type { NodeConfig } from '../../config/node.ts';
import { etcdSource, nodeHostSource, temporalSource } from '../check-sources.ts';
import type { NodeAssembly } from './node-assembly.ts';
import type { NodeConnections } from './node-connections.ts';
import type { MetricsSource } from '../metrics/sdk-metrics.ts';
import { PAUSES_OF_MANY, StartChecks } from '../start-checks.ts';
import { workerReasons, type StartUp } from '../start-up.ts';

export interface NodeHealthParts {
  readonly metrics: MetricsSource;
  readonly linkKernel: NodeAssembly['kernel'];
  readonly startUp: StartUp;
  /** Those that were made so far. */
  readonly workers: readonly Worker[];
  /** As `workers`: what the primary network answers. */
  readonly routes: readonly Route[];
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Listens, then begins with the checks at start. Rejects when the address is refused or taken. */
export async function startNodeHealth(
  config: NodeConfig,
  { cri, launcher, runtime, temporal }: NodeConnections,
  { metrics, linkKernel, startUp, workers, routes, log, signal }: NodeHealthParts,
): Promise<HealthServer> {
  const checks = new StartChecks(
    [
      temporalSource(config.temporal, temporal, { node: config.node }),
      etcdSource(config.etcd),
      nodeHostSource(config, cri, launcher.run, linkKernel),
    ],
    log,
    signal,
    PAUSES_OF_MANY,
  );
  const health = await startHealthServer({
    bindAddress: config.bindAddress,
    metrics,
    notReady: () => [...startUp.reasons(), ...workerReasons(workers), ...runtime.problems(), ...checks.reasons()],
    checks: () => checks.checks(),
    refresh: () => checks.refresh(),
    local: routes,
  });
  checks.start();
  return health;
}
