/** The watcher's Prometheus metrics. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface WatcherMetrics {
  readonly events: Counter<'kind' | 'type'>;
  readonly relists: Counter<'kind' | 'reason'>;
  readonly cacheMisses: Counter<'kind'>;
  readonly watchFailures: Counter<'kind'>;
  readonly consumerErrors: Counter<'kind'>;
  readonly starts: Counter<'signal'>;
  readonly signalErrors: Counter;
  readonly lag: Histogram;
  readonly reflectLag: Histogram<'kind'>;
}

export interface Gauges {
  /** Cached objects by kind. */
  readonly cached: () => Readonly<Record<string, number>>;
  readonly pending: () => number;
  /** Milliseconds since the first observation of what has waited longest for Temporal's acknowledgement. */
  readonly longestWaitMs: () => number;
  /** The comparison with etcd is due and fails. */
  readonly checkFailing: () => boolean;
}

export function createMetrics(registry: Registry, gauges: Gauges): WatcherMetrics {
  const registers = [registry];
  new Gauge({
    name: 'podwire_watch_cache_objects',
    help: 'Objects in the cache',
    labelNames: ['kind'],
    registers,
    collect() {
      for (const [kind, size] of Object.entries(gauges.cached())) this.set({ kind }, size);
    },
  });
  new Gauge({
    name: 'podwire_signals_pending',
    help: 'Pods with a signal that waits or is under way',
    registers,
    collect() {
      this.set(gauges.pending());
    },
  });
  new Gauge({
    name: 'podwire_signal_longest_wait_seconds',
    help: 'For how long the oldest change that Temporal has not acknowledged has waited; 0: none waits',
    registers,
    collect() {
      this.set(gauges.longestWaitMs() / 1_000);
    },
  });
  new Gauge({
    name: 'podwire_relist_check_failing',
    help: '1 while the comparison with etcd after a list is due and fails',
    registers,
    collect() {
      this.set(gauges.checkFailing() ? 1 : 0);
    },
  });
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter<L>({ name, help, labelNames, registers });
  return {
    events: counter('podwire_watch_events_total', 'Changes seen, by lists or by the watch', 'kind', 'type'),
    relists: counter('podwire_watch_relists_total', 'Complete lists and why', 'kind', 'reason'),
    cacheMisses: counter('podwire_watch_cache_miss_total', 'Objects a relist found that the watch had missed', 'kind'),
    watchFailures: counter('podwire_watch_failures_total', 'Lists and watches that failed', 'kind'),
    consumerErrors: counter('podwire_watch_consumer_errors_total', 'Changes whose handling threw', 'kind'),
    starts: counter('podwire_starts_total', 'Signals that Temporal acknowledged', 'signal'),
    signalErrors: counter('podwire_signal_errors_total', 'Signals that failed and are sent again'),
    lag: new Histogram({
      name: 'podwire_watch_lag_seconds',
      help: 'From the receipt of an event to the acknowledgement of its signal',
      buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120],
      registers,
    }),
    reflectLag: new Histogram({
      name: 'podwire_reflect_signal_lag_seconds',
      help: 'From a change of a reflected object to the acknowledgement of the signal that tells of it',
      labelNames: ['kind'],
      buckets: [0.1, 0.15, 0.25, 0.5, 1, 5, 30, 120],
      registers,
    }),
  };
}
