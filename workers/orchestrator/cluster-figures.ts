/**
 * Figures of the cluster as a whole, which every orchestrator reads from etcd and Temporal when it is asked for its metrics: each tells the
 * same. What cannot be read is left out, and counted.
 */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { NetworkFigures } from '../../adapters/etcd/network-figures.ts';
import type { NodeLook } from '../../adapters/etcd/node-looks.ts';
import type { StoreHealth } from '../../adapters/etcd/store-health.ts';
import type { ProvisioningState } from '../../domain/messages.ts';
import { KeptReading } from '../metrics/kept-reading.ts';

export interface ClusterReads {
  readonly runs: () => Promise<ReadonlyMap<ProvisioningState, number>>;
  readonly looks: () => Promise<readonly NodeLook[]>;
  readonly networks: () => Promise<readonly NetworkFigures[]>;
  readonly store: () => Promise<StoreHealth>;
}

/** Networks that are named, of each figure: the others are in the sums. */
const NAMED_NETWORKS = 20;
const ALARMS = ['NOSPACE', 'CORRUPT'];

/** Adds the figures to the registry; `reads` are called when it is read. @param now milliseconds since the epoch */
export function exposeCluster(registry: Registry, reads: ClusterReads, now: () => number = Date.now): void {
  const failed = new Counter({
    name: 'podwire_cluster_read_failures_total',
    help: 'Readings of figures of the cluster that failed or took too long: what they tell is missing then',
    labelNames: ['what'],
    registers: [registry],
  });
  const kept = <T>(what: keyof ClusterReads, read: () => Promise<T>): KeptReading<T> => {
    failed.inc({ what }, 0);
    return new KeptReading(read, () => failed.inc({ what }));
  };
  exposeRuns(registry, kept('runs', reads.runs));
  exposeLooks(registry, kept('looks', reads.looks));
  exposeNetworks(registry, kept('networks', reads.networks), now);
  exposeStore(registry, kept('store', reads.store));
}

function exposeRuns(registry: Registry, runs: KeptReading<ReadonlyMap<ProvisioningState, number>>): void {
  new Gauge({
    name: 'podwire_cluster_runs',
    help: 'Open runs of pods by ProvisioningState; Stuck: pods that a person should look at',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      this.reset();
      for (const [state, count] of (await runs.value()) ?? []) this.set({ state }, count);
    },
  });
}

function exposeLooks(registry: Registry, looks: KeptReading<readonly NodeLook[]>): void {
  new Gauge({
    name: 'podwire_cluster_node_last_look_timestamp_seconds',
    help: "When a node's worker looked last for drift and leaks, seconds since the epoch; 0: never. Of a node that is gone, for a day",
    labelNames: ['node'],
    registers: [registry],
    async collect() {
      this.reset();
      for (const { node, lookedAt } of (await looks.value()) ?? [])
        this.set({ node }, lookedAt === undefined ? 0 : Date.parse(lookedAt) / 1_000);
    },
  });
}

function exposeNetworks(registry: Registry, networks: KeptReading<readonly NetworkFigures[]>, now: () => number): void {
  const total = (name: string, help: string, of: (each: NetworkFigures) => number): void => {
    new Gauge({
      ...{ name, help, registers: [registry] },
      async collect() {
        this.remove();
        const all = await networks.value();
        if (all !== undefined) this.set(all.reduce((sum, each) => sum + of(each), 0));
      },
    });
  };
  const named = (name: string, help: string, of: (each: NetworkFigures) => number): void => {
    new Gauge({
      ...{ name, labelNames: ['network'], registers: [registry] },
      help: `${help}; of the ${NAMED_NETWORKS} networks with the most`,
      async collect() {
        this.reset();
        for (const [network, value] of largest((await networks.value()) ?? [], of)) this.set({ network }, value);
      },
    });
  };
  const secondsBehind = ({ behindSince }: NetworkFigures): number =>
    behindSince === undefined ? 0 : Math.max(0, (now() - behindSince) / 1_000);
  total('podwire_cluster_networks', 'VXLAN networks that have members, or had some', () => 1);
  total('podwire_cluster_members', 'Members of all VXLAN networks', ({ members }) => members);
  total('podwire_cluster_networks_behind', 'VXLAN networks with nodes that have not followed their members', (each) =>
    Math.min(each.behind, 1),
  );
  named('podwire_cluster_network_members', 'Members of a VXLAN network', ({ members }) => members);
  named('podwire_cluster_network_behind_nodes', 'Nodes that have not followed the members', ({ behind }) => behind);
  named(
    'podwire_cluster_network_behind_seconds',
    'For how long the first of these nodes has been behind',
    secondsBehind,
  );
}

/** Those with most of it, and something of it. */
function largest(all: readonly NetworkFigures[], of: (each: NetworkFigures) => number): (readonly [string, number])[] {
  return all
    .map((each) => [each.network, of(each)] as const)
    .filter(([, value]) => value > 0)
    .sort(([, a], [, b]) => b - a)
    .slice(0, NAMED_NETWORKS);
}

function exposeStore(registry: Registry, store: KeptReading<StoreHealth>): void {
  new Gauge({
    name: 'podwire_cluster_etcd_size_bytes',
    help: "Size of the data file of podwire's etcd, of the member that answered; no sample: podwire's user may not ask",
    registers: [registry],
    async collect() {
      this.remove();
      const sizeBytes = (await store.value())?.sizeBytes;
      if (sizeBytes !== undefined) this.set(sizeBytes);
    },
  });
  new Gauge({
    name: 'podwire_cluster_etcd_alarm',
    help: "1: the alarm is raised in podwire's etcd, and nothing is attached or detached; no sample: podwire's user may not ask",
    labelNames: ['alarm'],
    registers: [registry],
    async collect() {
      this.reset();
      const alarms = (await store.value())?.alarms;
      if (alarms === undefined) return;
      for (const alarm of ALARMS) this.set({ alarm }, alarms.includes(alarm) ? 1 : 0);
    },
  });
}
