import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Registry } from 'prom-client';
import { FdbSync } from '../../../activities/network/forwarding/fdb-sync.ts';
import type { Member } from '../../../domain/records.ts';
import { createNodeMetrics } from '../../../workers/node/node-metrics.ts';
import { greenLink, stored, vxlanRecord } from '../sweep/some-node.ts';

const record = vxlanRecord();
const { network } = record;
const { signal } = new AbortController();

/** A node with one VXLAN link, whose kernel takes entries while it is well. */
function someNode() {
  const state = { isWell: true, members: [] as Member[] };
  const netns = { close: async () => undefined };
  const fdb = new FdbSync({
    node: 'n1',
    store: {
      readMembers: async () => ({ members: state.members, isWhole: true }),
      listNodeAttachments: async () => [stored(record)],
    },
    open: async () => netns,
    filtering: 'on',
    kernel: {
      observe: async () => ({ links: [greenLink()], routes: [] }),
      readFdb: async () => [],
      readNeighbours: async () => [],
      changeFdbs: async (changes) =>
        changes.map(() =>
          state.isWell
            ? { status: 'fulfilled', value: 'applied' }
            : { status: 'rejected', reason: new Error('no memory') },
        ),
      changeNeighbours: async () => [],
      forgetNeighbours: async () => [],
      readSenders: async () => undefined,
      changeSenders: async (changes) => changes.map(() => ({ status: 'fulfilled', value: 'applied' })),
    },
  });
  const registry = new Registry();
  createNodeMetrics(registry, {
    sandboxes: () => 1,
    links: () => fdb.counts(),
    followed: () => 0,
    filtering: 'on',
  });
  /** What Prometheus reads of the links. */
  const links = async (): Promise<string[]> =>
    (await registry.metrics()).split('\n').filter((line) => line.startsWith('podwire_node_vxlan_links{'));
  return { state, links, sync: () => fdb.syncNetwork(network, signal) };
}

const peer = (podUid: string): Member => ({
  ...{ v: 1, podUid, node: 'n2', vtep: '10.0.0.9', mac: '02:00:00:00:00:09', interfaceName: 'green' },
  ...{ sandboxId: 'b'.repeat(64), generation: 1, addresses: [] },
});

const seen = (done: number, behind: number): string[] => [
  `podwire_node_vxlan_links{forwarding="done"} ${done}`,
  `podwire_node_vxlan_links{forwarding="behind"} ${behind}`,
];

describe('the metric of the VXLAN links of a node', () => {
  test('counts a link once its entries are written', async () => {
    const { links, sync } = someNode();
    assert.deepEqual(await links(), seen(0, 0));
    await sync();
    assert.deepEqual(await links(), seen(1, 0));
  });

  test('says that a link is behind from the time a new member cannot be written until it is', async () => {
    const { state, links, sync } = someNode();
    await sync();
    Object.assign(state, { isWell: false, members: [peer('other')] });
    await assert.rejects(sync(), /no memory/);
    assert.deepEqual(await links(), seen(0, 1));
    state.isWell = true;
    await sync();
    assert.deepEqual(await links(), seen(1, 0));
  });
});
