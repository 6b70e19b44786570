/** Figures of what a node's container runtime has asked podwire's CNI plugin. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { CniObserver, CniOperations } from '../../adapters/cni-server/operations.ts';

export interface CniServerMetrics {
  readonly observer: CniObserver;
  /** Whose calls are counted while they are under way. */
  follow(counts: Pick<CniOperations, 'atWork' | 'waiting'>): void;
}

export function cniServerMetrics(registry: Registry): CniServerMetrics {
  const calls = new Counter({
    name: 'podwire_node_cni_calls_total',
    help: "Calls of the container runtime by command and the CNI specification's code of the answer; 0: success",
    labelNames: ['command', 'code'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'podwire_node_cni_call_seconds',
    help: 'From the arrival of a call of the container runtime to its answer, waiting for its turn included',
    labelNames: ['command'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 90],
    registers: [registry],
  });
  let followed: Pick<CniOperations, 'atWork' | 'waiting'> = { atWork: 0, waiting: 0 };
  new Gauge({
    name: 'podwire_node_cni_calls',
    help: 'Calls of the container runtime that are under way (at-work), and that wait for their turn (waiting)',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      this.set({ state: 'at-work' }, followed.atWork);
      this.set({ state: 'waiting' }, followed.waiting);
    },
  });
  return {
    observer: {
      answered: (command, code, took) => {
        calls.inc({ command, code: String(code) });
        seconds.observe({ command }, took);
      },
    },
    follow: (counts) => {
      followed = counts;
    },
  };
}
