/** Figures of an orchestrator for Prometheus: its own work, and the cluster as a whole. */
import { Counter, type Registry } from 'prom-client';
import type { ControlSteps } from '../../activities/control/control-contract.ts';
import type { NodeSteps } from '../../activities/network/index.ts';
import { readNetworkFigures } from '../../adapters/etcd/network-figures.ts';
import { readNodeLooks } from '../../adapters/etcd/node-looks.ts';
import { readStoreHealth } from '../../adapters/etcd/store-health.ts';
import { getNode } from '../../adapters/kubernetes/nodes.ts';
import { countOpenPodRuns } from '../../adapters/temporal/run-counts.ts';
import { exposeExpiry } from '../../adapters/tls/expiry-metric.ts';
import { controlStepMetrics, nodeStepMetrics } from '../metrics/step-metrics.ts';
import { exposeCluster } from './cluster-figures.ts';
import { KnownNodes } from './known-nodes.ts';
import type { OrchestratorConnections } from './orchestrator-connections.ts';

export interface OrchestratorMetrics {
  /** The same activities, timed. */
  timed<Activities extends object>(activities: Activities): Activities;
  /** The steps of the exec backend, timed. */
  timedExec(steps: NodeSteps): NodeSteps;
  /** The same steps; what they record of pods is counted. */
  counted(steps: ControlSteps): ControlSteps;
}

export function createOrchestratorMetrics(registry: Registry): OrchestratorMetrics {
  const control = controlStepMetrics(registry);
  const exec = nodeStepMetrics(registry, 'podwire_exec');
  return {
    timed: (activities) => control.timed(activities),
    timedExec: (steps) => exec.timed(steps),
    counted: countRecords(registry),
  };
}

/** What an orchestrator learns from those it talks to. */
export function exposeConnected(
  registry: Registry,
  { credentials, etcd, kube, roster, temporal }: OrchestratorConnections,
): void {
  exposeExpiry(registry, credentials);
  const known = new KnownNodes(async (node) => (await getNode(kube, node)) !== undefined);
  exposeCluster(registry, {
    runs: () => countOpenPodRuns(temporal.client),
    looks: async () => known.of(await readNodeLooks(etcd, () => undefined)),
    networks: () => readNetworkFigures(etcd),
    store: () => readStoreHealth(roster),
  });
}

function countRecords(registry: Registry): OrchestratorMetrics['counted'] {
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter<L>({ name, help, labelNames, registers: [registry] });
  const attached = counter('podwire_attached_total', 'Interfaces whose attachment was recorded');
  const detached = counter('podwire_detached_total', 'Interfaces whose removal was recorded');
  const refused = counter('podwire_refused_total', 'Interfaces that were refused, by the code of the reason', 'reason');
  const failing = counter(
    'podwire_steps_failing_total',
    'Steps that were told to the owner of a pod as failing: stuck, or on a node that is away; by failure code',
    'cause',
  );
  return (steps) => ({
    ...steps,
    recordResult: async (input) => {
      const recorded = await steps.recordResult(input);
      if (recorded) attached.inc();
      return recorded;
    },
    forgetAttachment: async (input) => {
      const forgotten = await steps.forgetAttachment(input);
      if (forgotten) detached.inc();
      return forgotten;
    },
    recordRefusal: async (input) => {
      await steps.recordRefusal(input);
      refused.inc({ reason: input.failure.code });
    },
    recordFailure: async (input) => {
      await steps.recordFailure(input);
      failing.inc({ cause: input.failure.code });
    },
  });
}
