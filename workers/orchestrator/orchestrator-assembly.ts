/** An orchestrator's adapters and activities, put together. */
import { createControlActivities } from '../../activities/control/index.ts';
import { combineSteps } from '../../activities/control/combined-steps.ts';
import { createObserveOnly } from '../../activities/control/observe-pod.ts';
import { createNetworkObjectActivities, tellingObjects } from '../../activities/control/network-objects.ts';
import { createSweepControlActivities } from '../../activities/control/sweep/sweep-control.ts';
import { withFailpoints } from '../../activities/with-failpoints.ts';
import { createNetworkHolds } from '../../adapters/etcd/network-holds.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import { inputsHash } from '../../adapters/hash/inputs-hash.ts';
import { md5 } from '../../adapters/hash/md5.ts';
import { ipCodec } from '../../adapters/ip/ip-codec.ts';
import { createCluster } from '../../adapters/kubernetes/cluster.ts';
import { createNetworkObjects } from '../../adapters/kubernetes/network-object-writes.ts';
import { podKeys } from '../../adapters/kubernetes/pod-view.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import { createObjectTeller } from '../../adapters/temporal/object-starter.ts';
import { createSignals } from '../../adapters/temporal/signals.ts';
import { podRunIsOpen } from '../../adapters/temporal/sweeps.ts';
import type { OrchestratorConfig } from '../../config/orchestrator.ts';
import type { PodIdentity } from '../../domain/pod/pod-view.ts';
import type { Cluster } from '../../domain/ports/cluster.ts';
import type { Failpoints } from '../../domain/ports/failpoints.ts';
import { loggedActivities } from '../logged-activities.ts';
import type { Opened } from '../opened.ts';
import type { OrchestratorConnections } from './orchestrator-connections.ts';
import type { OrchestratorMetrics } from './orchestrator-metrics.ts';
import { createReflectionWorker } from '../reflect/reflect-activities.ts';

export interface OrchestratorAssembly {
  readonly cluster: Cluster;
  /** Of the control queue, by name. */
  readonly activities: object;
}

interface AssembledWith {
  readonly failpoints: Failpoints;
  readonly metrics: OrchestratorMetrics;
}

export function assembleOrchestrator(
  config: OrchestratorConfig,
  { credentials, etcd, kube, temporal }: OrchestratorConnections,
  { failpoints, metrics }: AssembledWith,
  log: Logger,
  opened: Opened,
): OrchestratorAssembly {
  const cluster = createCluster(kube, podKeys(config.dialect), config.eventReasons);
  const records = createRecordStore(etcd);
  const signals = createSignals(temporal.client);
  const { nodeGoneSeconds } = config;
  const podParts = { cluster, records, ip: ipCodec, settings: config.dialect, hash: inputsHash, md5 };
  const holds = createNetworkHolds(etcd, { range: config.vniRange, random: Math.random });
  const tell = createObjectTeller(temporal.client);
  const control = tellingObjects(createControlActivities({ ...podParts, signals, nodeGoneSeconds }), { holds, tell });
  const steps = metrics.counted(withFailpoints(control, failpoints));
  const objects = createNetworkObjectActivities({ ...podParts, signals, holds, objects: createNetworkObjects(kube) });
  const runs = { isOpen: (pod: PodIdentity) => podRunIsOpen(temporal.client, pod) };
  const observeOnly = createObserveOnly(podParts);
  const sweep = createSweepControlActivities({
    ...{ cluster, records, signals, runs, observeOnly },
    publishStatus: (input) => steps.publishStatus(input),
  });
  const reflection = createReflectionWorker(config.reflect, kube, () => log, credentials);
  opened.add(reflection, (each) => each.close());
  const activities = {
    ...steps,
    ...combineSteps(steps),
    ...withFailpoints({ ...objects, ...sweep, ...reflection.activities }, failpoints),
  };
  return { cluster, activities: loggedActivities(metrics.timed(activities), log) };
}
