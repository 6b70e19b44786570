/**
 * A VXLAN link takes packets from the members of its network only. Pods on one LAN; one that is no member any more and goes on sending is
 * what a pod is whose node was cut off.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { clearTombstones } from '../../workers/node/node-tombstones.ts';
import { findProgram } from '../../deploy/lab/commands.ts';
import { createNode, NETWORK, type NodeUnderTest, type Pod } from './node-under-test.ts';
import { Overlay, type OverlayPod } from './overlay.ts';

const IP = '/usr/sbin/ip';
const NFT = '/usr/sbin/nft';
const BUSYBOX = findProgram('busybox') ?? '/usr/bin/busybox';

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

const ip = (pod: Pod, line: string): Promise<string> => pod.netns.exec([IP, ...line.split(' ')]);
const nft = (pod: Pod, ...words: string[]): Promise<string> => pod.netns.exec([NFT, ...words], { mayFail: true });
const tables = async (pod: Pod): Promise<string[]> =>
  (await nft(pod, 'list', 'tables')).split('\n').filter((line) => line !== '');
/** podwire's own, as nft writes it. */
const rules = (pod: Pod): Promise<string> => nft(pod, 'list', 'table', 'inet', 'podwire_green');

async function answers(from: Pod, to: string): Promise<boolean> {
  const said = await from.netns.exec([BUSYBOX, 'ping', '-c', '2', '-i', '0.2', '-W', '1', to], { mayFail: true });
  return / [12] packets received/.test(said);
}

/** Whether an ARP request that is sent to it arrives: then it knows who asked. */
async function hears(at: OverlayPod, from: OverlayPod): Promise<boolean> {
  await ip(at.pod, `neigh flush to ${from.address} dev green`);
  await ip(from.pod, `neigh flush to ${at.address} dev green`);
  await answers(from.pod, at.address);
  return /lladdr/.test(await ip(at.pod, `neigh show to ${from.address} dev green`));
}

let used = 100;
const next = (): number => (used += 1);

/** Out of the membership, while its node hears nothing of it: its link goes on as it was. */
function cutOff({ pod }: OverlayPod): void {
  overlay.forget(pod.uid);
  for (const [key, { value }] of node.store.attachments)
    if (value.podUid === pod.uid) node.store.attachments.delete(key);
}

async function members(...numbers: number[]): Promise<OverlayPod[]> {
  const pods = [];
  for (const number of numbers) {
    const pod = await overlay.pod(number);
    await overlay.join(pod);
    pods.push(pod);
  }
  await node.sync();
  return pods;
}

describe('a member of a VXLAN network', () => {
  it('hears members, and one that is none any more neither by its pings nor by its ARP, whatever it goes on sending', async () => {
    const [a, old] = (await members(10, 11)) as [OverlayPod, OverlayPod];
    assert.ok(await hears(a, old));
    cutOff(old);
    await node.sync();
    assert.equal(await hears(a, old), false);

    const anew = await overlay.pod(12);
    const { mac } = await overlay.join({ ...anew, address: old.address });
    await node.sync();
    const poison = `while :; do ${IP} neigh flush dev green; ${BUSYBOX} ping -c 1 -W 1 ${a.address}; done`;
    const poisoning = old.pod.netns.exec(['/usr/bin/timeout', '4', '/bin/sh', '-c', poison], { mayFail: true });
    const said = await a.pod.netns.exec([BUSYBOX, 'ping', '-c', '10', '-i', '0.2', '-W', '1', old.address]);
    assert.match(said, / 10 packets received/);
    assert.match(await ip(a.pod, `neigh show to ${old.address}`), new RegExp(mac));
    // Its link is down, so that it stops.
    await ip(old.pod, 'link set dev eth0 down');
    await old.pod.netns.remove();
    await poisoning;
  });

  it('asks anew for the MAC of an address whose owner left, and finds the next one at once', async () => {
    const [a, old] = (await members(20, 21)) as [OverlayPod, OverlayPod];
    assert.ok(await answers(a.pod, old.address));
    await overlay.leave(old);
    await node.sync();
    const anew = await overlay.pod(22);
    await overlay.join({ ...anew, address: old.address });
    await node.sync();
    const said = await a.pod.netns.exec([BUSYBOX, 'ping', '-c', '1', '-W', '3', old.address], { mayFail: true });
    assert.match(said, / 1 packets received/);
  });

  it('hears everybody on another VXLAN link of the same port', async () => {
    const [a, b] = (await members(30, 31)) as [OverlayPod, OverlayPod];
    for (const [self, other] of [
      [a, b],
      [b, a],
    ] as const) {
      await ip(self.pod, `link add blue type vxlan id 4712 dstport 8472 dev eth0 remote ${other.vtep}`);
      await ip(self.pod, `address add 192.168.60.${self.number}/24 dev blue`);
      await ip(self.pod, 'link set dev blue up');
    }
    cutOff(b);
    await node.sync();
    assert.equal(await hears(a, b), false);
    assert.ok(await answers(b.pod, '192.168.60.30'));
  });

  it('keeps strangers out over IPv6 as well', async () => {
    const pods = [];
    for (const number of [40, 41]) {
      const pod = { ...(await overlay.pod(number)), vtep: `fd00:244::${number}` };
      await ip(pod.pod, `address add ${pod.vtep}/64 dev eth0 nodad`);
      await overlay.join(pod, { parent: 'eth0' });
      pods.push(pod);
    }
    await node.sync();
    const [a, b] = pods as [OverlayPod, OverlayPod];
    assert.ok(await hears(a, b));
    cutOff(b);
    await node.sync();
    assert.equal(await hears(a, b), false);
  });

  it('over another link than that of its tunnel address is known by the addresses of that one', async () => {
    const pod = await node.pod();
    const stored = await pod.intend({}, { vtep: '10.9.9.9' });
    const { sendsFrom } = await node.ensure(stored);
    assert.deepEqual(sendsFrom, ['10.244.1.5']);
    node.store.join(stored.value);
    node.store.members = node.store.members.map((member) =>
      member.podUid === pod.uid ? { ...member, sendsFrom: ['10.244.1.5'] } : member,
    );
    const [a] = (await members(50)) as [OverlayPod];
    assert.match(await rules(a.pod), /10\.9\.9\.9, 10\.244\.1\.5/);
    overlay.forget(pod.uid);
  });
});

describe('the rules of a VXLAN link', () => {
  it('go with the link, and leave the rules of others alone', async () => {
    const [a] = (await members(60)) as [OverlayPod];
    await nft(a.pod, 'add table inet pods_own');
    assert.deepEqual(await tables(a.pod), ['table inet podwire_green', 'table inet pods_own']);
    await overlay.leave(a);
    assert.deepEqual(await tables(a.pod), ['table inet pods_own']);
  });

  it('go with a link that was left over from before the node was lost', async () => {
    const [a] = (await members(70)) as [OverlayPod];
    const stored = [...node.store.attachments.values()].find(({ value }) => value.podUid === a.pod.uid)!;
    node.store.tombstones.set(stored.key, stored);
    await clearTombstones(node.deps, { info: () => undefined } as never, new AbortController().signal);
    assert.equal(await a.pod.link(), undefined);
    assert.deepEqual(await tables(a.pod), []);
  });

  it('are of the new id when the link is made anew', async () => {
    const [a] = (await members(61)) as [OverlayPod];
    await overlay.join(a, { vni: 4799 });
    assert.match(await rules(a.pod), /@th,96,24 (4799|0x12bf) /);
    assert.doesNotMatch(await rules(a.pod), /(4711|0x1267)/);
  });

  for (const [what, change] of [
    ['are gone', 'delete table inet podwire_green'],
    ['have lost a member', 'delete element inet podwire_green members { MEMBER }'],
    ['let somebody else in', 'add element inet podwire_green members { 10.66.0.1 }'],
    ['have another rule', 'insert rule inet podwire_green input accept'],
    ['are without their rule', 'flush chain inet podwire_green input'],
  ] as const)
    it(`that ${what} are as they were after the next comparison`, async () => {
      const [a, b] = (await members(next(), next())) as [OverlayPod, OverlayPod];
      const was = await rules(a.pod);
      await nft(a.pod, change.replace('MEMBER', b.vtep));
      assert.notEqual(await rules(a.pod), was);
      const { written, removed } = await node.compare();
      assert.equal(await rules(a.pod), was);
      assert.equal(written + removed, 1);
      assert.deepEqual(await node.compare(), { ...(await node.sync()), written: 0, removed: 0 });
    });

  it('that somebody took away are made whole by the next change of the members, too', async () => {
    const [a] = (await members(64)) as [OverlayPod];
    await nft(a.pod, 'delete table inet podwire_green');
    await members(65);
    assert.match(await rules(a.pod), /10\.244\.1\.65/);
  });

  it('let in on an adopted link whomever it sends to, until that entry is taken away', async () => {
    const pod = await node.pod();
    await ip(pod, 'link add name green type vxlan id 4711 dstport 8472 dev eth0 nolearning');
    const entry = ['00:00:00:00:00:00', 'dev', 'green', 'dst', '10.66.0.1'];
    await pod.netns.exec(['/usr/sbin/bridge', 'fdb', 'append', ...entry]);
    const result = await node.ensure(await pod.intend());
    await pod.intend({}, { phase: 'attached', result });
    assert.match(await rules(pod), /10\.66\.0\.1/);
    await pod.netns.exec(['/usr/sbin/bridge', 'fdb', 'delete', ...entry]);
    await node.compare();
    assert.doesNotMatch(await rules(pod), /10\.66\.0\.1/);
  });

  it('keep nobody out while the members are not known for sure', async () => {
    const [a, b] = (await members(66, 67)) as [OverlayPod, OverlayPod];
    node.store.whole = false;
    overlay.forget(b.pod.uid);
    const lone = await overlay.pod(68);
    await overlay.join(lone);
    await node.compare();
    node.store.whole = true;
    assert.match(await rules(a.pod), /10\.244\.1\.67, 10\.244\.1\.68/);
    assert.deepEqual(await tables(lone.pod), []);
    await node.compare();
    assert.deepEqual(await tables(lone.pod), ['table inet podwire_green']);
  });

  it('are not made where they are switched off, and taken away where they were', async () => {
    const [a] = (await members(69)) as [OverlayPod];
    const off = createNode(undefined, 'off');
    try {
      const stored = [...node.store.attachments.values()].find(({ value }) => value.podUid === a.pod.uid)!;
      off.store.put(stored.value);
      await off.deps.fdb.compareNetwork(NETWORK, new AbortController().signal);
      assert.deepEqual(await tables(a.pod), []);
      const pod = await off.pod();
      await off.ensure(await pod.intend());
      assert.deepEqual(await tables(pod), []);
    } finally {
      await off.close();
    }
  });
});
