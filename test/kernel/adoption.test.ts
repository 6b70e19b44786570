/**
 * From kube-vxlan-controller to podwire on links that carry traffic: links and entries are made here by the very commands of the original,
 * then the node's activities take them over. Nothing is made anew, nothing is lost, what is missing is added, what is left over goes after
 * its owner was told.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { SweepMemory } from '../../activities/network/sweep/sweep-memory.ts';
import { sweepAct } from '../../activities/network/sweep/sweep-act.ts';
import { sweepLook, type SweepDeps } from '../../activities/network/sweep/sweep-look.ts';
import { run } from '../../adapters/process/run.ts';
import type { Stored, VxlanAttachmentRecord } from '../../domain/records.ts';
import { Pinger } from '../faults/pinger.ts';
import { parse, vxlan } from '../unit/openvnf/parsing.ts';
import { createNode, destinations, NETWORK, NEVER, NODE, type NodeUnderTest, type Pod } from './node-under-test.ts';

const IP = '/usr/sbin/ip';
const BRIDGE = '/usr/sbin/bridge';
const [A, B] = ['10.244.7.1', '10.244.7.2'] as const;
/** A member that only the original knows, and one that has long gone. */
const ELSEWHERE = '10.244.8.1';
const GONE = '10.66.0.1';

let node: NodeUnderTest;
let a: Pod;
let b: Pod;
const memory = new SweepMemory();

async function ipBatch(pod: Pod, lines: readonly string[]): Promise<void> {
  await pod.netns.exec([IP, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** The original's setup and join, compatibility reference §4.3. */
async function original(pod: Pod, address: string, peers: readonly string[]): Promise<void> {
  const commands = [
    [IP, 'link', 'add', 'green', 'type', 'vxlan', 'id', '4711', 'dev', 'eth0', 'dstport', '0'],
    [IP, 'addr', 'add', `${address}/29`, 'dev', 'green'],
    [IP, 'link', 'set', 'green', 'up'],
    [IP, 'route', 'add', '192.168.12.0/29', 'via', '192.168.11.3'],
    ...peers.map((peer) => [BRIDGE, 'fdb', 'append', 'to', '00:00:00:00:00:00', 'dst', peer, 'dev', 'green']),
  ];
  for (const command of commands) await pod.netns.exec(command);
}

before(async () => {
  node = createNode();
  [a, b] = await Promise.all([node.pod(), node.pod()]);
  // The two pods' networks are joined by a veth pair in the place of their eth0.
  const [left, right] = [`pwl${randomBytes(3).toString('hex')}`, `pwr${randomBytes(3).toString('hex')}`];
  for (const pod of [a, b]) await ipBatch(pod, ['link delete eth0']);
  const names = [a, b].map((pod) => pod.netns.path.slice(pod.netns.path.lastIndexOf('/') + 1));
  const made = await run({
    file: IP,
    args: [
      'link',
      'add',
      left,
      'netns',
      names[0] ?? '',
      'type',
      'veth',
      'peer',
      'name',
      right,
      'netns',
      names[1] ?? '',
    ],
    timeoutMs: 10_000,
  });
  assert.equal(made.code, 0, made.stderr);
  await ipBatch(a, [
    `link set ${left} name eth0`,
    `address add ${A}/24 dev eth0`,
    'link set eth0 up',
    'link set lo up',
  ]);
  await ipBatch(b, [
    `link set ${right} name eth0`,
    `address add ${B}/24 dev eth0`,
    'link set eth0 up',
    'link set lo up',
  ]);
  await original(a, '192.168.11.1', [B, ELSEWHERE, GONE]);
  await original(b, '192.168.11.2', [A]);
});
after(() => node.close());

const intent = (pod: Pod, vtep: string, address: string, change: Partial<VxlanAttachmentRecord> = {}) =>
  pod.intend(
    { addresses: [`${address}/29`], routes: [{ destination: '192.168.12.0/29', gateway: '192.168.11.3' }] },
    { vtep, ...change },
  );

async function adopt(pod: Pod, vtep: string, address: string): Promise<Stored<VxlanAttachmentRecord>> {
  const stored = await intent(pod, vtep, address);
  const result = await node.ensure(stored);
  assert.equal(result.adopted, true);
  assert.equal(result.before, 'foreign-compatible');
  node.store.join(stored.value);
  return intent(pod, vtep, address, { phase: 'attached', result });
}

const sweepDeps = (): SweepDeps => {
  for (const pod of [a, b]) {
    const record = [...node.store.attachments.values()].find(({ value }) => value.podUid === pod.uid)?.value;
    if (record !== undefined) {
      const { podUid, namespace, name, sandboxId, bootId, netns } = record;
      node.store.sandboxes.set(podUid, { v: 1, podUid, namespace, name, sandboxId, bootId, netns });
    }
  }
  return {
    ...node.deps,
    journal: { ...node.deps.journal, list: async () => ({ entries: [], unreadable: [] }) },
    leftovers: {
      reservations: async () => [],
      cacheFiles: async () => [],
      removeReservation: async () => false,
      removeCacheFile: async () => false,
    },
    memory,
    observer: { looked: () => undefined, acted: () => undefined },
    gc: { due: () => false, run: async () => [] },
  };
};

/** Two looks and what follows, as a run of nodeSweep has it; rows as `kind outcome addresses`. */
async function sweep(spare: readonly string[] = []): Promise<string[]> {
  const deps = sweepDeps();
  const { findings } = await sweepLook(deps, { node: NODE }, NEVER);
  const ids = findings.map(({ id }) => id);
  const { rows } = await sweepAct(deps, { node: NODE, ids, spare }, NEVER);
  return rows.map(({ finding, outcome }) => [finding.kind, outcome, ...(finding.addresses ?? [])].join(' '));
}

test('links that carry traffic are taken over: the same devices, no packet lost, the mesh complete', async () => {
  const look = async (pod: Pod): Promise<string> =>
    pod.netns.exec([IP, '-o', 'link', 'show', 'dev', 'green']).then((text) => text.replace(/(\\\s+alias .*)?\n$/s, ''));
  const before = [await look(a), await look(b)];
  const beforeRoutes = await a.netns.exec([IP, 'route', 'show', 'dev', 'green']);
  const pinger = new Pinger(a.netns.path, '192.168.11.2');
  node.store.members.push({
    ...{ v: 1, podUid: 'c', node: 'n2', sandboxId: 'c', interfaceName: 'green', generation: 1, mac: '', addresses: [] },
    ...{ vtep: '10.244.8.2', network: `${NETWORK.scope}/${NETWORK.name}` },
  });
  await adopt(a, A, '192.168.11.1');
  await adopt(b, B, '192.168.11.2');
  await node.sync();
  const { sent, received } = await pinger.stop();

  assert.equal(received, sent);
  assert.ok(sent >= 100);
  assert.deepEqual([await look(a), await look(b)], before);
  assert.equal(await a.netns.exec([IP, 'route', 'show', 'dev', 'green']), beforeRoutes);
  assert.deepEqual(destinations(await a.fdb()), [GONE, B, '10.244.8.1', '10.244.8.2'].sort());
  assert.deepEqual(destinations(await b.fdb()), [A, '10.244.8.2']);
  assert.equal((await a.link())?.alias, `podwire:${a.uid}:1:adopted`);
});

test('what the original made, its routes above all, is no drift', async () => {
  const { findings } = await sweepLook(sweepDeps(), { node: NODE }, NEVER);
  assert.deepEqual(
    findings.map(({ kind, action, addresses }) => [kind, action, addresses]),
    [['stranger', 'report', [GONE, ELSEWHERE].sort()]],
  );
});

test('entries to addresses that no member has are told first and removed by the next sweep, but for those of living pods', async () => {
  assert.deepEqual(await sweep(), [`stranger found ${ELSEWHERE} ${GONE}`]);
  assert.ok(destinations(await a.fdb()).includes(GONE));
  assert.deepEqual(await sweep([ELSEWHERE]), [`stranger removed ${ELSEWHERE} ${GONE}`]);
  assert.deepEqual(destinations(await a.fdb()), [B, ELSEWHERE, '10.244.8.2'].sort());
  assert.deepEqual(await sweep([ELSEWHERE]), [`stranger reported ${ELSEWHERE}`]);
  // Its node is served by podwire now: a member like the others.
  node.store.members.push({
    ...{ v: 1, podUid: 'd', node: 'n3', sandboxId: 'd', interfaceName: 'green', generation: 1, mac: '', addresses: [] },
    ...{ vtep: ELSEWHERE, network: `${NETWORK.scope}/${NETWORK.name}` },
  });
  await node.sync();
  assert.deepEqual(await sweep(), []);
});

test('a member that leaves is taken out of an adopted link at once', async () => {
  node.store.members = node.store.members.filter(({ podUid }) => podUid !== 'd' && podUid !== 'c');
  await node.sync();
  assert.deepEqual(destinations(await a.fdb()), [B]);
  assert.deepEqual(destinations(await b.fdb()), [A]);
  assert.deepEqual(await sweep(), []);
});

test("the original's own example keeps the link that the original made: only its route, which no kernel takes, is missing", async () => {
  const pod = await node.pod();
  const made = 'link add vxeth0 type vxlan id 100 dev eth0 dstport 0';
  await pod.netns.exec([IP, ...made.split(' ')]);
  await ipBatch(pod, ['address add 192.168.10.1/24 dev vxeth0', 'link set vxeth0 up']);
  const route = 'route add 192.168.10.0/24 via 192.168.100.1 dev vxeth0';
  await assert.rejects(pod.netns.exec([IP, ...route.split(' ')]), /invalid gateway/);
  const before = (await pod.link('vxeth0')) ?? assert.fail('the link was not made');
  const annotation = 'vxeth0 ip=192.168.10.1/24 route=192.168.10.0/24:192.168.100.1';
  const [asked] = parse(annotation, { vxeth0: 'id=100 up' }).selections.map(vxlan);
  const result = await node.ensure(await pod.intend(asked?.link));
  assert.equal(result.adopted, true);
  const { ifindex, mac, up, addresses } = before;
  assert.equal(result.ifindex, ifindex);
  const now = await pod.link('vxeth0');
  assert.deepEqual([now?.mac, now?.up, now?.addresses], [mac, up, addresses]);
});
