/** How long the steps of a part take, how they end, and how many are under way. */
import { Gauge, Histogram, type Registry } from 'prom-client';
import { timedCall } from '../../adapters/timing/timed-call.ts';
import type { NodeSteps } from '../../activities/network/index.ts';

export interface StepMetrics {
  /** The same functions, timed; what is thrown passes unchanged. */
  timed<Steps extends object>(steps: Steps): Steps;
}

/** Labels of a step beside its name and its outcome. */
type Labels = Readonly<Record<string, string>>;

/** In seconds. */
const BUCKETS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 15];

/** What each step on a pod's host is for, and for which kind of network. */
const NODE_STEPS: Readonly<Record<keyof NodeSteps, { readonly operation: string; readonly kind: string }>> = {
  lookupSandbox: { operation: 'look', kind: 'any' },
  ensureVxlanLink: { operation: 'attach', kind: 'vxlan' },
  deleteVxlanLink: { operation: 'detach', kind: 'vxlan' },
  cniAdd: { operation: 'attach', kind: 'cni' },
  cniDelete: { operation: 'detach', kind: 'cni' },
  takeOverForeign: { operation: 'attach', kind: 'cni' },
  syncFdb: { operation: 'mesh', kind: 'vxlan' },
  openGate: { operation: 'attach', kind: 'any' },
  lookIntoPod: { operation: 'look', kind: 'any' },
};

/** Steps on pods' hosts. @param prefix of the metrics' names */
export const nodeStepMetrics = (registry: Registry, prefix: 'podwire_node' | 'podwire_exec'): StepMetrics =>
  stepMetrics(registry, { prefix, labels: NODE_STEPS });

/** The orchestrator's own activities. */
export const controlStepMetrics = (registry: Registry): StepMetrics =>
  stepMetrics(registry, { prefix: 'podwire_control', labels: {} });

interface Shape {
  readonly prefix: string;
  /** By step; a step that is not among them has none. */
  readonly labels: Readonly<Record<string, Labels>>;
}

function stepMetrics(registry: Registry, { prefix, labels }: Shape): StepMetrics {
  const more = [...new Set(Object.values(labels).flatMap((each) => Object.keys(each)))];
  const seconds = new Histogram<string>({
    name: `${prefix}_step_seconds`,
    help: 'Duration of the work of one activity; outcome is ok or the failure code. A try that failed is made again',
    labelNames: ['step', ...more, 'outcome'],
    buckets: BUCKETS,
    registers: [registry],
  });
  const inFlight = new Gauge({
    name: `${prefix}_steps_in_flight`,
    help: 'Activities that are being worked on',
    labelNames: ['step'],
    registers: [registry],
  });
  const run = async (step: string, work: () => Promise<unknown>): Promise<unknown> => {
    inFlight.inc({ step });
    try {
      return await timedCall(
        (name, outcome, took) => seconds.observe({ step: name, ...labels[name], outcome }, took),
        step,
        work,
      );
    } finally {
      inFlight.dec({ step });
    }
  };
  return {
    timed: <Steps extends object>(steps: Steps) => {
      const timed = Object.entries(steps).map(([step, work]) => [
        step,
        (...input: unknown[]) => run(step, () => (work as (...input: unknown[]) => Promise<unknown>)(...input)),
      ]);
      return Object.fromEntries(timed) as Steps;
    },
  };
}
