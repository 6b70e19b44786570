/** What an orchestrator reads of the cluster for a scrape. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Registry } from 'prom-client';
import { readNetworkFigures } from '../../../adapters/etcd/network-figures.ts';
import { meshStateKeyIn, memberKey } from '../../../domain/keys.ts';
import { PodwireError } from '../../../domain/failures.ts';
import { exposeCluster, type ClusterReads } from '../../../workers/orchestrator/cluster-figures.ts';
import { MemoryEtcd } from '../../workflows/memory-etcd.ts';

const NOW = Date.parse('2026-01-01T00:10:00Z');

const WELL: ClusterReads = {
  runs: async () => new Map([['Stuck', 2] as const, ['Converging', 0] as const]),
  looks: async () => [
    { node: 'n1', lookedAt: '2026-01-01T00:00:00.500Z' },
    { node: 'n2', lookedAt: undefined },
  ],
  networks: async () => [
    { network: 'shop/blue', members: 3, behind: 2, behindSince: NOW - 90_000 },
    { network: 'shop/green', members: 5, behind: 0, behindSince: undefined },
  ],
  store: async () => ({ sizeBytes: 4_096, alarms: ['NOSPACE'] }),
};

/** Samples of one scrape, without those that do not begin so. */
function scraped(reads: Partial<ClusterReads>): (prefix: string) => Promise<string[]> {
  const registry = new Registry();
  exposeCluster(registry, { ...WELL, ...reads }, () => NOW);
  return async (prefix) => (await registry.metrics()).split('\n').filter((line) => line.startsWith(prefix));
}

describe('the figures of the cluster', () => {
  it('tell of runs, nodes, networks and etcd what was read', async () => {
    assert.deepEqual(await scraped({})('podwire_cluster_'), [
      'podwire_cluster_read_failures_total{what="runs"} 0',
      'podwire_cluster_read_failures_total{what="looks"} 0',
      'podwire_cluster_read_failures_total{what="networks"} 0',
      'podwire_cluster_read_failures_total{what="store"} 0',
      'podwire_cluster_runs{state="Stuck"} 2',
      'podwire_cluster_runs{state="Converging"} 0',
      `podwire_cluster_node_last_look_timestamp_seconds{node="n1"} ${Date.parse('2026-01-01T00:00:00.500Z') / 1_000}`,
      'podwire_cluster_node_last_look_timestamp_seconds{node="n2"} 0',
      'podwire_cluster_networks 2',
      'podwire_cluster_members 8',
      'podwire_cluster_networks_behind 1',
      'podwire_cluster_network_members{network="shop/green"} 5',
      'podwire_cluster_network_members{network="shop/blue"} 3',
      'podwire_cluster_network_behind_nodes{network="shop/blue"} 2',
      'podwire_cluster_network_behind_seconds{network="shop/blue"} 90',
      'podwire_cluster_etcd_size_bytes 4096',
      'podwire_cluster_etcd_alarm{alarm="NOSPACE"} 1',
      'podwire_cluster_etcd_alarm{alarm="CORRUPT"} 0',
    ]);
  });

  it('leave out what cannot be read, and count it: a zero would say that all is well', async () => {
    const fail = () => Promise.reject(new PodwireError('EtcdUnavailable', 'away'));
    const samples = scraped({ networks: fail, store: fail });
    assert.deepEqual(await samples('podwire_cluster_network'), []);
    assert.deepEqual(await samples('podwire_cluster_etcd'), []);
    assert.equal((await samples('podwire_cluster_runs')).length, 2);
    // Three scrapes before this one; several figures of one reading count it once.
    assert.deepEqual(await samples('podwire_cluster_read_failures_total'), [
      'podwire_cluster_read_failures_total{what="runs"} 0',
      'podwire_cluster_read_failures_total{what="looks"} 0',
      'podwire_cluster_read_failures_total{what="networks"} 3',
      'podwire_cluster_read_failures_total{what="store"} 3',
    ]);
  });

  it('are not read again for a scrape that follows at once', async () => {
    let reads = 0;
    const samples = scraped({
      networks: async () => {
        reads += 1;
        return [];
      },
    });
    await samples('podwire');
    await samples('podwire');
    assert.equal(reads, 1);
  });

  it('name the twenty largest networks and sum the others', async () => {
    const networks = Array.from({ length: 1_000 }, (_, index) => ({
      ...{ network: `shop/n${index}`, members: index + 1, behind: 1, behindSince: NOW - index },
    }));
    const samples = scraped({ networks: async () => networks });
    const named = await samples('podwire_cluster_network_members{');
    assert.equal(named.length, 20);
    assert.equal(named[0], 'podwire_cluster_network_members{network="shop/n999"} 1000');
    assert.deepEqual(await samples('podwire_cluster_members '), [`podwire_cluster_members ${500 * 1_001}`]);
    assert.deepEqual(await samples('podwire_cluster_networks_behind '), ['podwire_cluster_networks_behind 1000']);
  });
});

describe('figures of networks in etcd', () => {
  it('are members by the keys, and what the mesh records say of nodes that are behind', async () => {
    const etcd = new MemoryEtcd();
    const blue = { scope: 'shop', name: 'blue' };
    const recordedAt = '2026-01-01T00:00:00.000Z';
    const mesh = { v: 1, behind: ['n1', 'n2'], since: { n1: '2026-01-01T00:05:00.000Z' }, recordedAt };
    await etcd.transact(
      [],
      [
        { put: memberKey(blue, 'uid-a', 'eth1'), value: '{}' },
        { put: memberKey(blue, 'uid-b', 'eth1'), value: '{}' },
        { put: meshStateKeyIn('shop/blue'), value: JSON.stringify(mesh) },
        { put: meshStateKeyIn('shop/unreadable'), value: '{' },
      ],
    );
    assert.deepEqual(await readNetworkFigures(etcd), [
      // Of n2 it is not written since when: since the record at the latest.
      { network: 'shop/blue', members: 2, behind: 2, behindSince: Date.parse(recordedAt) },
      { network: 'shop/unreadable', members: 0, behind: 0, behindSince: undefined },
    ]);
  });
});
