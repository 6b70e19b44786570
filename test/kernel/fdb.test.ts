import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ForwardingOutcome, IdentifiedNetns } from '../../domain/ports/link-kernel.ts';
import { createNode, destinations, NETWORK, NEVER, type NodeUnderTest, type Pod } from './node-under-test.ts';

let node: NodeUnderTest;
before(() => {
  node = createNode();
});
beforeEach(() => {
  node.store.members = [];
  node.store.attachments.clear();
});
after(() => node.close());

/** A member on another node. */
const elsewhere = (podUid: string, vtep: string): void => {
  node.store.members.push({
    ...{
      v: 1,
      podUid,
      node: 'n2',
      sandboxId: 's',
      interfaceName: 'green',
      generation: 1,
      vtep,
      mac: '',
      addresses: [],
    },
    network: `${NETWORK.scope}/${NETWORK.name}`,
  });
};

async function attached(vtep: string, peers: readonly string[] = []): Promise<Pod> {
  const pod = await node.pod();
  const stored = await pod.intend({ peers }, { vtep });
  const result = await node.ensure(stored);
  await pod.intend({ peers }, { vtep, phase: 'attached', result });
  node.store.join(stored.value);
  return pod;
}

const bridge = (pod: Pod, ...words: string[]): Promise<string> => pod.netns.exec(['/usr/sbin/bridge', 'fdb', ...words]);

test('a new link is filled with the other members and the declared peers before the attach returns', async () => {
  elsewhere('x', '10.244.2.7');
  elsewhere('y', '10.244.3.7');
  const pod = await attached('10.244.1.5', ['10.0.0.9']);
  assert.deepEqual(destinations(await pod.fdb()), ['10.0.0.9', '10.244.2.7', '10.244.3.7']);
});

test('a link that a killed worker made and did not fill is filled, and closed to strangers, before it goes up', async () => {
  elsewhere('x', '10.244.2.7');
  const pod = await node.pod();
  const stored = await pod.intend();
  const seen: { up: boolean | undefined; entries: unknown; rules: string }[] = [];
  const halted = new Error('the worker died');
  const { failpoints } = node.deps;
  const hits = (hit: (name: string) => Promise<void>): void => void Object.assign(failpoints, { hit });
  hits(async (name) => {
    if (name === 'ensureVxlanLink:after-create') throw halted;
  });
  try {
    await assert.rejects(node.ensure(stored), halted);
    hits(async (name) => {
      if (name !== 'ensureVxlanLink:before-up') return;
      const rules = await pod.netns.exec(['/usr/sbin/nft', 'list', 'ruleset']);
      seen.push({ up: (await pod.link())?.up, entries: destinations(await pod.fdb()), rules });
    });
    await node.ensure(stored);
  } finally {
    hits(async () => undefined);
  }
  assert.deepEqual(
    seen.map(({ up, entries }) => ({ up, entries })),
    [{ up: false, entries: ['10.244.2.7'] }],
  );
  assert.match(seen[0]?.rules ?? '', /10\.244\.2\.7/);
  assert.equal((await pod.link())?.up, true);
});

test('members that come and go reach every local link, and nothing is written where nothing differs', async () => {
  const [a, b] = [await attached('10.244.1.5'), await attached('10.244.1.6')];
  elsewhere('x', '10.244.2.7');
  assert.deepEqual(await node.sync(), { netns: 2, written: 3, removed: 0 });
  assert.deepEqual(destinations(await a.fdb()), ['10.244.1.6', '10.244.2.7']);
  assert.deepEqual(destinations(await b.fdb()), ['10.244.1.5', '10.244.2.7']);
  assert.deepEqual(await node.sync(), { netns: 2, written: 0, removed: 0 });
  node.store.members = node.store.members.filter(({ podUid }) => podUid !== 'x');
  assert.deepEqual(await node.sync(), { netns: 2, written: 0, removed: 2 });
  assert.deepEqual(destinations(await a.fdb()), ['10.244.1.6']);
});

test('after a restart of the worker the kernel is compared: strangers go, what is missing comes back', async () => {
  elsewhere('x', '10.244.2.7');
  const pod = await attached('10.244.1.5');
  await bridge(pod, 'append', '00:00:00:00:00:00', 'dev', 'green', 'dst', '10.66.0.1');
  await bridge(pod, 'append', '02:00:00:00:00:09', 'dev', 'green', 'dst', '10.66.0.2', 'port', '99');
  await bridge(pod, 'delete', '00:00:00:00:00:00', 'dev', 'green', 'dst', '10.244.2.7');
  assert.deepEqual(await node.compare(), { netns: 1, written: 1, removed: 2 });
  assert.deepEqual(destinations(await pod.fdb()), ['10.244.2.7']);
});

test('entries that somebody changed in one device are set right, without a reading of the membership', async () => {
  const pod = await attached('10.244.1.5');
  elsewhere('x', '10.244.2.7');
  await node.sync();
  const [stored] = await node.store.listNodeAttachments('n1');
  const record = stored?.value;
  assert.ok(record?.kind === 'vxlan');
  await bridge(pod, 'del', '00:00:00:00:00:00', 'dev', 'green', 'dst', '10.244.2.7');
  await bridge(pod, 'append', '00:00:00:00:00:00', 'dev', 'green', 'dst', '10.244.9.9');
  const reads = node.store.membershipReads;
  assert.deepEqual(await node.deps.fdb.restoreDevice(record, NEVER), { written: 1, removed: 1 });
  assert.deepEqual(destinations(await pod.fdb()), ['10.244.2.7']);
  assert.deepEqual(await node.deps.fdb.restoreDevice(record, NEVER), { written: 0, removed: 0 });
  assert.equal(node.store.membershipReads, reads);
});

test('entries of a device that a worker has not compared yet are left to its first comparison', async () => {
  const pod = await attached('10.244.1.5');
  const [stored] = await node.store.listNodeAttachments('n1');
  assert.ok(stored?.value.kind === 'vxlan');
  await bridge(pod, 'append', '00:00:00:00:00:00', 'dev', 'green', 'dst', '10.244.9.9');
  const again = createNode();
  assert.deepEqual(await again.deps.fdb.restoreDevice(stored.value, NEVER), { written: 0, removed: 0 });
  assert.deepEqual(destinations(await pod.fdb()), ['10.244.9.9']);
  await again.close();
});

test('a member that joins while the node compares its devices is reached before the comparison is done', async () => {
  const vteps = Array.from({ length: 18 }, (_, index) => `10.244.1.${index + 10}`);
  const pods = [];
  for (const vtep of vteps) pods.push(await attached(vtep));
  await node.sync();
  const { kernel } = node.deps;
  const readFdb = kernel.readFdb.bind(kernel);
  let looked = 0;
  kernel.readFdb = async (...of) => {
    looked += 1;
    // The kernel itself is not slow on demand: a thousand entries on a busy node take this long.
    await sleep(400);
    return readFdb(...of);
  };
  await bridge(pods.at(-1)!, 'append', '00:00:00:00:00:00', 'dev', 'green', 'dst', '10.66.0.1');
  const comparing = node.compare();
  elsewhere('x', '10.244.2.7');
  await node.sync();
  assert.ok(looked < pods.length, 'the member waited for the comparison');
  for (const pod of pods) assert.ok(destinations(await pod.fdb()).includes('10.244.2.7'));
  const { netns, removed } = await comparing;
  assert.deepEqual({ netns, removed }, { netns: 18, removed: 1 });
  kernel.readFdb = readFdb;
  assert.deepEqual(destinations(await pods.at(-1)!.fdb()), [...vteps.slice(0, -1), '10.244.2.7'].sort());
});

test('on an adopted link, entries to addresses that nobody knows stay', async () => {
  elsewhere('x', '10.244.2.7');
  const pod = await node.pod();
  const line = 'link add name green type vxlan id 4711 dstport 8472 dev eth0 nolearning';
  await pod.netns.exec(['/usr/sbin/ip', ...line.split(' ')]);
  await bridge(pod, 'append', '00:00:00:00:00:00', 'dev', 'green', 'dst', '10.66.0.1');
  const stored = await pod.intend();
  await node.ensure(stored);
  await pod.intend({}, { phase: 'attached' });
  assert.deepEqual(destinations(await pod.fdb()), ['10.244.2.7', '10.66.0.1']);
  await node.compare();
  assert.deepEqual(destinations(await pod.fdb()), ['10.244.2.7', '10.66.0.1']);
});

test('a member without its link, or with another netns under its path, is passed over and the others are served', async () => {
  const [a, b, c] = [await attached('10.244.1.5'), await attached('10.244.1.6'), await attached('10.244.1.7')];
  await a.netns.exec(['/usr/sbin/ip', 'link', 'delete', 'green']);
  await b.netns.replace();
  elsewhere('x', '10.244.2.7');
  await node.sync();
  assert.deepEqual(destinations(await c.fdb()), ['10.244.1.5', '10.244.1.6', '10.244.2.7']);
  assert.deepEqual(await a.fdb(), []);
});

test('a link of the right name that is not ours is never written into', async () => {
  const pod = await node.pod();
  const line = 'link add name green type vxlan id 99 dstport 8472 dev eth0 nolearning';
  await pod.netns.exec(['/usr/sbin/ip', ...line.split(' ')]);
  await pod.intend({}, { phase: 'attached' });
  elsewhere('x', '10.244.2.7');
  assert.deepEqual(await node.sync(), { netns: 0, written: 0, removed: 0 });
  assert.deepEqual(await pod.fdb(), []);
});

test('1,000 entries are written by one process in less than a second', async () => {
  const pod = await attached('10.244.1.5');
  for (let i = 0; i < 1000; i += 1) elsewhere(`x${i}`, `10.245.${Math.floor(i / 250)}.${(i % 250) + 1}`);
  const { kernel } = node.deps;
  const changeFdbs = kernel.changeFdbs.bind(kernel);
  let calls = 0;
  kernel.changeFdbs = (changes) => {
    calls += changes.length;
    return changeFdbs(changes);
  };
  const startedAt = performance.now();
  assert.deepEqual(await node.sync(), { netns: 1, written: 1000, removed: 0 });
  assert.ok(performance.now() - startedAt < 1000);
  assert.equal(calls, 1);
  assert.equal((await pod.fdb()).length, 1000);
  kernel.changeFdbs = changeFdbs;
});

test('a failure in one netns is thrown after all the others were served', async () => {
  const [a, b] = [await attached('10.244.1.5'), await attached('10.244.1.6')];
  elsewhere('x', '10.244.2.7');
  const { kernel } = node.deps;
  const changeFdbs = kernel.changeFdbs.bind(kernel);
  // The kernel itself does not fail on demand.
  kernel.changeFdbs = (changes) =>
    Promise.all(
      changes.map(async (change) => {
        const { identity } = change.netns as IdentifiedNetns;
        if (identity.path === a.netns.path) return { status: 'rejected', reason: new Error('broken') };
        const [outcome] = await changeFdbs([change]);
        return outcome as PromiseSettledResult<ForwardingOutcome>;
      }),
    );
  await assert.rejects(node.sync(), /broken/);
  assert.deepEqual(destinations(await b.fdb()), ['10.244.1.5', '10.244.2.7']);
  kernel.changeFdbs = changeFdbs;
  await node.sync();
  assert.deepEqual(destinations(await a.fdb()), ['10.244.1.6', '10.244.2.7']);
});

test('an interrupted sync forgets what it does not know, and the next one repairs it', async () => {
  const pod = await attached('10.244.1.5');
  elsewhere('x', '10.244.2.7');
  const interrupted = AbortSignal.abort();
  await assert.rejects(node.steps.syncFdb(NETWORK, interrupted), /interrupted/);
  await node.sync();
  assert.deepEqual(destinations(await pod.fdb()), ['10.244.2.7']);
});

test('a wished set that changes while many syncs run ends at the last one', async () => {
  const pod = await attached('10.244.1.5');
  const syncs = [];
  for (let i = 1; i <= 10; i += 1) {
    elsewhere(`x${i}`, `10.244.2.${i}`);
    syncs.push(node.sync());
  }
  await Promise.all(syncs);
  assert.equal((await pod.fdb()).length, 10);
});
