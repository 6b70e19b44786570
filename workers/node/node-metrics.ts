/** Figures of a node worker for Prometheus. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { DeviceCounts } from '../../activities/network/forwarding/fdb-devices.ts';
import type { SenderFiltering } from '../../activities/network/forwarding/desired-forwarding.ts';
import type { NodeSteps } from '../../activities/network/index.ts';
import type { SweepObserver } from '../../activities/network/sweep/sweep-memory.ts';
import { addressMetrics, type AddressMetrics } from './address-metrics.ts';
import { cniServerMetrics, type CniServerMetrics } from './cni-server-metrics.ts';
import type { DriftObserver } from './drift-watch.ts';
import type { FindingKind } from '../../domain/sweep/finding.ts';
import { nodeStepMetrics } from '../metrics/step-metrics.ts';

export interface NodeMetrics {
  /** The same steps, timed. */
  timed(steps: NodeSteps): NodeSteps;
  readonly sweep: SweepObserver;
  readonly drift: DriftObserver;
  readonly cniServer: CniServerMetrics;
  readonly addresses: AddressMetrics;
}

export interface NodeGauges {
  /** How many pods of the node have a Ready sandbox. */
  readonly sandboxes: () => number;
  /** How far the node's VXLAN links follow their networks' members. */
  readonly links: () => DeviceCounts;
  /** In how many sandboxes the kernel tells of changes. */
  readonly followed: () => number;
  readonly filtering: SenderFiltering;
}

export function createNodeMetrics(
  registry: Registry,
  { sandboxes, links, followed, filtering }: NodeGauges,
): NodeMetrics {
  const steps = nodeStepMetrics(registry, 'podwire_node');
  new Gauge({
    name: 'podwire_node_sandboxes',
    help: 'Pods of the node with a Ready sandbox',
    registers: [registry],
    collect() {
      this.set(sandboxes());
    },
  });
  new Gauge({
    name: 'podwire_node_vxlan_links',
    help: 'VXLAN links whose forwarding entries are kept; behind: they are being written, or could not be',
    labelNames: ['forwarding'],
    registers: [registry],
    collect() {
      const { done, behind } = links();
      this.set({ forwarding: 'done' }, done);
      this.set({ forwarding: 'behind' }, behind);
    },
  });
  new Gauge({
    name: 'podwire_node_forwarding_entries',
    help: 'Forwarding entries that are kept in the VXLAN links that have all of theirs',
    registers: [registry],
    collect() {
      this.set(links().entries);
    },
  });
  new Gauge({
    name: 'podwire_node_members_only',
    help: 'Whether VXLAN links take packets from members only: 1 for on, off (by the setting), or unavailable (no nftables)',
    labelNames: ['state'],
    registers: [registry],
  }).set({ state: filtering }, 1);
  return {
    ...{ sweep: sweepMetrics(registry), drift: driftMetrics(registry, followed) },
    ...{ cniServer: cniServerMetrics(registry), addresses: addressMetrics(registry) },
    timed: (each) => steps.timed(each),
  };
}

const KINDS = [
  'drift',
  'journal',
  'link',
  'record',
  'reservation',
  'cache-file',
  'unreadable',
] as const satisfies readonly FindingKind[];

function sweepMetrics(registry: Registry): SweepObserver {
  const found = new Gauge({
    name: 'podwire_node_sweep_findings',
    help: 'What the last look of a sweep found, by kind',
    labelNames: ['kind'],
    registers: [registry],
  });
  const acted = new Counter({
    name: 'podwire_node_sweep_actions_total',
    help: 'Leaks removed (journal, link, reservation, cache-file) and interfaces handed over to be made anew (drift)',
    labelNames: ['kind'],
    registers: [registry],
  });
  // An increase is only seen of what was there before.
  acted.inc({ kind: 'drift' }, 0);
  const last = new Gauge({
    name: 'podwire_node_sweep_last_timestamp_seconds',
    help: 'When the node was looked at last, seconds since the epoch',
    registers: [registry],
  });
  return {
    looked: (findings) => {
      for (const kind of KINDS) found.set({ kind }, findings.filter((finding) => finding.kind === kind).length);
      last.setToCurrentTime();
    },
    acted: ({ kind }) => acted.inc({ kind }),
  };
}

function driftMetrics(registry: Registry, followed: () => number): DriftObserver {
  new Gauge({
    name: 'podwire_node_followed_namespaces',
    help: "Network namespaces in which the kernel tells of changes that are not podwire's",
    registers: [registry],
    collect() {
      this.set(followed());
    },
  });
  const notices = new Counter({
    name: 'podwire_node_change_notices_total',
    help: 'Times that the kernel told of changes by others in a pod, at most one a second and pod',
    registers: [registry],
  });
  const looks = new Counter({
    name: 'podwire_node_change_looks_total',
    help: 'Looks at single pods because something changed there',
    registers: [registry],
  });
  const drift = new Counter({
    name: 'podwire_node_change_drift_total',
    help: 'What these looks found: interfaces handed over to be made anew (link), devices whose entries were set right (forwarding)',
    labelNames: ['kind'],
    registers: [registry],
  });
  for (const kind of ['link', 'forwarding']) drift.inc({ kind }, 0);
  return {
    noticed: () => notices.inc(),
    looked: () => looks.inc(),
    found: (kind, count) => drift.inc({ kind }, count),
  };
}
