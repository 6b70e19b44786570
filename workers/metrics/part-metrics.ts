/** What every part of podwire tells Prometheus of itself, in the one way that all parts have: the build, the process, the calls of etcd and the API. */
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { buildInfo } from '../build-info.ts';
import { callMetrics, type CallMetrics } from './call-metrics.ts';

export type Part = 'watcher' | 'orchestrator' | 'node' | 'ksr';

/** The library's 10 ms wake an idle process a hundred times a second; a lag that matters to anybody is longer than this. */
const LAG_PRECISION_MS = 100;

export interface PartMetrics {
  readonly registry: Registry;
  /** Whom the part's connections tell of their calls. */
  readonly calls: CallMetrics;
}

/** One for each process. */
export function createPartMetrics(part: Part): PartMetrics {
  const registry = new Registry();
  const { version, commit } = buildInfo(process.env);
  new Gauge({
    name: 'podwire_build_info',
    help: 'Always 1; the labels say which part this is and what was built',
    labelNames: ['part', 'version', 'commit', 'node_version'],
    registers: [registry],
  }).set({ part, version, commit, node_version: process.version }, 1);
  // Of node workers there are thousands: what is counted there while nothing happens has to cost nothing.
  if (part === 'node') countProcess(registry);
  else collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_PRECISION_MS });
  return { registry, calls: callMetrics(registry) };
}

/** Those of the library's figures that are read when they are asked for, under the library's names. */
function countProcess(registry: Registry): void {
  const registers = [registry];
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Total user and system CPU time spent in seconds.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory size in bytes.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: 'process_start_time_seconds',
    help: 'Start time of the process since unix epoch in seconds.',
    registers,
  }).set(Math.round(Date.now() / 1_000 - process.uptime()));
}
