/** How long etcd and the Kubernetes API take to answer a part. */
import { Histogram, type Registry } from 'prom-client';
import type { CallObserver } from '../../adapters/timing/timed-call.ts';

export interface CallMetrics {
  readonly etcd: CallObserver;
  readonly kubernetes: CallObserver;
}

/** In seconds: from a read on the same machine to the longest deadline of a call. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

export function callMetrics(registry: Registry): CallMetrics {
  const histogram = (name: string, help: string): CallObserver => {
    const seconds = new Histogram({
      ...{ name, help, labelNames: ['call', 'outcome'], buckets: BUCKETS },
      registers: [registry],
    });
    return (call, outcome, took) => seconds.observe({ call, outcome }, took);
  };
  return {
    etcd: histogram(
      'podwire_etcd_call_seconds',
      "Calls of podwire's etcd, by the way it is asked; outcome is ok or the failure code",
    ),
    kubernetes: histogram(
      'podwire_kubernetes_call_seconds',
      'Calls of the Kubernetes API by method; outcome is the class of the HTTP status (2xx), or the failure code. Watches are not in it',
    ),
  };
}
