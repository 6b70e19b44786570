/** Networks without flooding (`flood=false`): an entry for each member's MAC, and static neighbours. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { parseNeighbours } from '../../adapters/iproute/views.ts';
import { FLOOD_MAC } from '../../domain/forwarding/fdb.ts';
import { UdpTraffic } from '../traffic/udp-traffic.ts';
import { createNode, type NodeUnderTest, type Pod } from './node-under-test.ts';
import { Overlay } from './overlay.ts';

let node: NodeUnderTest;
let overlay: Overlay;
before(async () => {
  node = createNode();
  overlay = await Overlay.open(node);
});
beforeEach(() => {
  node.store.members = [];
  node.store.attachments.clear();
});
after(async () => {
  await overlay.close();
  await node.close();
});

const ip = (pod: Pod, words: string): Promise<string> => pod.netns.exec(['/usr/sbin/ip', ...words.split(' ')]);
/** `MAC address` of every static neighbour, and `MAC destination` of every entry, sorted. */
const neighbours = async (pod: Pod): Promise<string[]> =>
  parseNeighbours(await ip(pod, '-j neigh show dev green nud permanent'))
    .map(({ mac, address }) => `${mac} ${address}`)
    .sort();
const entries = async (pod: Pod): Promise<string[]> =>
  (await pod.fdb()).map(({ mac, destination }) => `${mac} ${destination ?? ''}`).sort();

const ELSEWHERE = { mac: '02:00:00:00:00:77', addresses: ['192.168.50.77/24', 'fd00:50::77/64'] };
const NO_FLOOD = { flood: false } as const;

test('a member has an entry and neighbours for each other one, from its attach on, and loses them when that one leaves', async () => {
  overlay.member('x', '10.244.2.77', ELSEWHERE);
  const [a, b] = [await overlay.pod(11), await overlay.pod(12)];
  await overlay.join(a, NO_FLOOD);
  assert.deepEqual(await entries(a.pod), [`${ELSEWHERE.mac} 10.244.2.77`]);
  assert.deepEqual(await neighbours(a.pod), [`${ELSEWHERE.mac} 192.168.50.77`, `${ELSEWHERE.mac} fd00:50::77`]);
  const { mac } = await overlay.join(b, NO_FLOOD);
  assert.deepEqual(await node.sync(), { netns: 2, written: 2, removed: 0 });
  overlay.forget('x');
  assert.deepEqual(await node.sync(), { netns: 2, written: 0, removed: 6 });
  assert.deepEqual(await entries(a.pod), [`${mac} 10.244.1.12`]);
  assert.deepEqual(await neighbours(a.pod), [`${mac} 192.168.50.12`]);
  await ip(a.pod, `neigh show 192.168.50.12 dev green`);
});

test('a member that moves, or gets another MAC or address, is followed', async () => {
  const a = await overlay.pod(13);
  overlay.member('x', '10.244.2.77', ELSEWHERE);
  await overlay.join(a, NO_FLOOD);
  overlay.member('x', '10.244.2.78', ELSEWHERE);
  await node.sync();
  assert.deepEqual(await entries(a.pod), [`${ELSEWHERE.mac} 10.244.2.78`]);
  const other = { mac: '02:00:00:00:00:78', addresses: ['192.168.50.77/24', '192.168.50.78/24'] };
  overlay.member('x', '10.244.2.78', other);
  await node.sync();
  assert.deepEqual(await entries(a.pod), [`${other.mac} 10.244.2.78`]);
  assert.deepEqual(await neighbours(a.pod), [`${other.mac} 192.168.50.77`, `${other.mac} 192.168.50.78`]);
});

test('after a restart what is missing comes back, and a neighbour that somebody else made stays', async () => {
  const a = await overlay.pod(14);
  overlay.member('x', '10.244.2.77', ELSEWHERE);
  await overlay.join(a, NO_FLOOD);
  await ip(a.pod, 'neigh del 192.168.50.77 dev green');
  await ip(a.pod, 'neigh replace 192.168.50.99 lladdr 02:00:00:00:00:99 dev green nud permanent');
  await ip(a.pod, 'neigh replace 192.168.50.98 lladdr 02:00:00:00:00:98 dev green nud permanent protocol 230');
  await node.compare();
  assert.deepEqual(
    await neighbours(a.pod),
    [`${ELSEWHERE.mac} 192.168.50.77`, `${ELSEWHERE.mac} fd00:50::77`, '02:00:00:00:00:99 192.168.50.99'].sort(),
  );
});

test('a neighbour that somebody removed in between does not keep the others from being removed', async () => {
  const [a, b] = [await overlay.pod(15), await overlay.pod(16)];
  overlay.member('x', '10.244.2.77', ELSEWHERE);
  await overlay.join(a, NO_FLOOD);
  await overlay.join(b, NO_FLOOD);
  await node.sync();
  await ip(a.pod, 'neigh del 192.168.50.77 dev green');
  overlay.forget('x');
  await node.sync();
  for (const { pod } of [a, b]) assert.equal((await neighbours(pod)).length, 1);
});

test('a network changes over to entries for MACs and back without losing a datagram', async () => {
  const [a, b] = [await overlay.pod(17), await overlay.pod(18)];
  await overlay.join(a);
  await overlay.join(b);
  await node.sync();
  const traffic = await UdpTraffic.start(a.pod.netns.path, b.pod.netns.path, b.address);
  try {
    for (let round = 0; round < 5; round += 1) {
      await overlay.join(a, NO_FLOOD);
      await overlay.join(b, NO_FLOOD);
      assert.ok((await entries(a.pod)).every((entry) => !entry.startsWith(FLOOD_MAC)));
      assert.equal((await neighbours(a.pod)).length, 1);
      await overlay.join(a);
      await overlay.join(b);
      assert.deepEqual(await entries(a.pod), [`${FLOOD_MAC} ${b.vtep}`]);
      assert.deepEqual(await neighbours(a.pod), []);
    }
    const { sent, lost } = await traffic.count();
    assert.ok(sent > 100);
    assert.equal(lost, 0);
  } finally {
    await traffic.end();
  }
});
