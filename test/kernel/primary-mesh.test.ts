/** Two real node workers whose etcd, Temporal and API are away: what connects their pods is on their disks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createNetlinkThread } from '../../adapters/netlink/thread.ts';
import { Underlay, type Pod } from './mesh-nodes.ts';
import { peerOf, tellPeers } from './peer.ts';
import { emptyNetns, resultOf, startPrimaryNode } from './primary-node.ts';

const PEERS = [1, 2].map((number) => ({
  ...{ addresses: [`192.0.2.${number}`], mac: `0e:70:0a:08:0${number}:00` },
  subnets: [`10.8.${number}.0/24`, `fd00:8:${number}::/64`],
}));

test('pods of two nodes reach each other by what the nodes remember, and go on when a worker is killed', async (t) => {
  const thread = createNetlinkThread();
  const underlay = await Underlay.create(thread);
  t.after(async () => {
    await underlay.remove();
    await thread.close();
  });
  const nodes = [];
  for (const [index, { addresses, subnets }] of PEERS.entries()) {
    const netns = await underlay.host([`${addresses[0]}/24`]);
    const members = PEERS.filter((_, other) => other !== index).map((peer) => ({ node: 'peer', ...peer }));
    const prepared = { netns, files: { 'mesh.json': { addresses, members } } };
    const node = await startPrimaryNode(subnets, prepared);
    t.after(() => node.stop());
    nodes.push(node);
  }
  const pods: Pod[] = [];
  for (const [index, node] of nodes.entries()) {
    const netns = await emptyNetns();
    t.after(() => netns.remove());
    t.after(tellPeers(netns));
    const { ips } = resultOf(await node.call('ADD', `pod-${index}`, netns));
    pods.push({ netns, addresses: ips.map(({ address }) => address.split('/', 1)[0] ?? '') });
  }
  const reach = async (): Promise<void> => {
    for (const [from, to] of [pods, pods.toReversed()])
      for (const [index, address] of (to?.addresses ?? []).entries())
        assert.equal(await peerOf(from?.netns ?? assert.fail(), address), from?.addresses[index]);
  };
  await reach();
  const remembered = nodes.map(({ dir }) => readFileSync(join(dir, 'mesh.json'), 'utf8'));
  for (const node of nodes) await node.kill();
  await reach();
  for (const node of nodes) await node.start();
  await reach();
  assert.deepEqual(
    nodes.map(({ dir }) => readFileSync(join(dir, 'mesh.json'), 'utf8')),
    remembered,
  );
});
