import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import type { PodIdentity } from '../../domain/pod/pod-view.ts';
import { lookupSandbox } from '../../activities/network/lookup-sandbox.ts';
import { withAnnounced } from '../../adapters/cri/announced-runtime.ts';
import { noting, SandboxWatch } from '../../workers/node/sandbox-watch.ts';
import { announcedSandbox, memoryOfAnnounced } from '../unit/cni-server/some-announced.ts';
import { createNode, NEVER, type NodeUnderTest, type Pod } from './node-under-test.ts';

let node: NodeUnderTest;
before(() => {
  node = createNode();
});
after(() => node.close());

const LOG = pino({ level: 'silent' });
const lookup = (pod: Pod, signal = NEVER) =>
  node.steps.lookupSandbox({ podUid: pod.uid, namespace: 'default', name: 'a' }, signal);

/** What the runtime says of the pod after its sandbox was made anew in the same netns. */
function recreate(pod: Pod): string {
  const old = node.runtime.sandboxes.get(pod.sandboxId);
  assert.ok(old);
  const id = `new-${pod.sandboxId}`;
  node.runtime.sandboxes.set(pod.sandboxId, { ...old, ready: false });
  node.runtime.sandboxes.set(id, { ...old, id, createdAt: '2' });
  return id;
}

test('a lookup gives the newest Ready sandbox with its netns, and publishes it', async () => {
  const pod = await node.pod();
  const id = recreate(pod);
  const found = await lookup(pod);
  assert.equal(found.sandboxId, id);
  assert.deepEqual(found.netns, await pod.netns.identity());
  assert.equal(node.store.sandboxes.get(pod.uid)?.sandboxId, id);
});

test('a lookup waits for a sandbox that is starting', async () => {
  const pod = await node.pod();
  const sandbox = node.runtime.sandboxes.get(pod.sandboxId);
  assert.ok(sandbox);
  node.runtime.sandboxes.set(pod.sandboxId, { ...sandbox, ready: false });
  const looking = lookup(pod);
  setTimeout(() => node.runtime.sandboxes.set(pod.sandboxId, sandbox), 300);
  assert.equal((await looking).sandboxId, pod.sandboxId);
});

test('a lookup does not wait for its next look when the sandbox is announced', async () => {
  const announced = memoryOfAnnounced();
  const deps = { ...node.deps, runtime: withAnnounced(node.runtime, announced) };
  const took: number[] = [];
  for (let tries = 0; tries < 5; tries += 1) {
    const pod = await node.pod();
    const sandbox = node.runtime.sandboxes.get(pod.sandboxId) ?? assert.fail();
    node.runtime.sandboxes.delete(pod.sandboxId);
    const looking = lookupSandbox(deps, { podUid: pod.uid, namespace: 'default', name: 'a' }, NEVER);
    await sleep(5);
    const startedAt = performance.now();
    const netnsPath = sandbox.netnsPath ?? assert.fail();
    await announced.put(
      announcedSandbox(pod.sandboxId, { podUid: pod.uid, namespace: 'default', name: 'a', netnsPath }),
    );
    assert.equal((await looking).sandboxId, pod.sandboxId);
    took.push(performance.now() - startedAt);
  }
  // A look each 200 ms would find it after 195.
  assert.ok(Math.min(...took) < 100, took.join());
});

test('a lookup that is cancelled ends at once', async () => {
  const pod = await node.pod();
  node.runtime.sandboxes.delete(pod.sandboxId);
  const cancel = new AbortController();
  const startedAt = performance.now();
  setTimeout(() => cancel.abort(), 50);
  await assert.rejects(lookup(pod, cancel.signal), /interrupted/);
  assert.ok(performance.now() - startedAt < 1000);
});

test("a pod on the node's own network is refused", async () => {
  const pod = await node.pod();
  const sandbox = node.runtime.sandboxes.get(pod.sandboxId);
  assert.ok(sandbox);
  node.runtime.sandboxes.set(pod.sandboxId, { ...sandbox, hostNetwork: true, netnsPath: undefined });
  await assert.rejects(lookup(pod), { code: 'HostNetwork' });
});

test('the watch publishes Ready sandboxes, tells the run of one that was made anew, and withdraws those that ended', async () => {
  const pod = await node.pod();
  const told: PodIdentity[] = [];
  const watch = new SandboxWatch(node.deps, LOG, async (who) => {
    told.push(who);
  });
  await watch.look(NEVER);
  assert.equal(node.store.sandboxes.get(pod.uid)?.sandboxId, pod.sandboxId);
  await pod.intend({}, { phase: 'attached' });
  await watch.look(NEVER);
  assert.deepEqual(told, []);
  const id = recreate(pod);
  await watch.look(NEVER);
  await watch.look(NEVER);
  assert.deepEqual(told, [{ uid: pod.uid, namespace: 'default', name: 'a' }]);
  node.runtime.sandboxes.delete(id);
  await watch.look(NEVER);
  assert.equal(node.store.sandboxes.has(pod.uid), false);
});

test('a pod that asks for nothing is not published before its run looks for its sandbox, and is followed from then on', async () => {
  const pod = await node.pod();
  node.runtime.asksNothing.add(pod.uid);
  const told: string[] = [];
  const watch = new SandboxWatch(node.deps, LOG, async ({ uid }) => void told.push(uid));
  await watch.look(NEVER);
  assert.equal(node.store.sandboxes.has(pod.uid), false);
  await lookup(pod);
  const { uid, sandboxId } = pod;
  node.store.marks.set(uid, { v: 1, namespace: 'default', name: 'a', node: 'n1', inputsHash: 'h', sandboxId });
  watch.reload();
  await watch.look(NEVER);
  const id = recreate(pod);
  await watch.look(NEVER);
  assert.equal(node.store.sandboxes.get(pod.uid)?.sandboxId, id);
  assert.ok(told.includes(pod.uid));
});

test('what a lookup published is followed from then on: made anew, its run is told; gone, it is withdrawn at the next look', async () => {
  const told: string[] = [];
  const watch = new SandboxWatch(node.deps, LOG, async ({ uid }) => void told.push(uid));
  const deps = { ...node.deps, store: noting(node.deps.store, (sandbox) => watch.noted(sandbox)) };
  const find = ({ uid: podUid }: Pod) => lookupSandbox(deps, { podUid, namespace: 'default', name: 'a' }, NEVER);
  const [first, second] = [await node.pod(), await node.pod()];
  for (const { uid } of [first, second]) node.runtime.asksNothing.add(uid);
  await find(first);
  await watch.look(NEVER);
  await find(second);
  for (const { uid, sandboxId } of [first, second])
    node.store.marks.set(uid, { v: 1, namespace: 'default', name: 'a', node: 'n1', inputsHash: 'h', sandboxId });
  const ids = [recreate(first), recreate(second)];
  await watch.look(NEVER);
  for (const { uid } of [first, second]) assert.ok(told.includes(uid), uid);
  ids.forEach((id) => node.runtime.sandboxes.delete(id));
  await watch.look(NEVER);
  for (const { uid } of [first, second]) assert.equal(node.store.sandboxes.has(uid), false);
});

test('what is attached is followed again after etcd has lost its sandbox, also where the pod came to ask later', async () => {
  const pod = await node.pod();
  node.runtime.asksNothing.add(pod.uid);
  await pod.intend({}, { phase: 'attached' });
  const watch = new SandboxWatch(node.deps, LOG, async () => undefined);
  await watch.look(NEVER);
  assert.equal(node.store.sandboxes.get(pod.uid)?.sandboxId, pod.sandboxId);
  node.store.sandboxes.clear();
  watch.reload();
  await watch.look(NEVER);
  assert.equal(node.store.sandboxes.get(pod.uid)?.sandboxId, pod.sandboxId);
});

test('a link that nothing is recorded of is found after etcd was lost, also in a pod that asks for nothing any more', async () => {
  const [pod, plain] = [await node.pod(), await node.pod()];
  for (const { uid } of [pod, plain]) node.runtime.asksNothing.add(uid);
  const watch = new SandboxWatch(node.deps, LOG, async () => undefined);
  await watch.look(NEVER);
  const attached = await pod.intend();
  await node.ensure(attached);
  node.store.attachments.delete(attached.key);
  watch.reload();
  await watch.look(NEVER);
  assert.equal(node.store.sandboxes.has(pod.uid), false);
  watch.restart();
  await watch.look(NEVER);
  assert.equal(node.store.sandboxes.get(pod.uid)?.sandboxId, pod.sandboxId);
  assert.equal(node.store.sandboxes.has(plain.uid), false);
});

test('the runs of pods that were settled without an attachment are told of new sandboxes, by one read of their marks', async () => {
  const pods = await Promise.all([node.pod(), node.pod(), node.pod()]);
  for (const { uid, sandboxId } of pods)
    node.store.marks.set(uid, { v: 1, namespace: 'default', name: 'a', node: 'n1', inputsHash: 'h', sandboxId });
  const [first] = pods;
  assert.ok(first);
  recreate(first);
  const told: string[] = [];
  const watch = new SandboxWatch(node.deps, LOG, async ({ uid }) => void told.push(uid));
  const before = node.store.convergedReads;
  await watch.look(NEVER);
  assert.equal(node.store.convergedReads - before, 1);
  assert.deepEqual(
    told.filter((uid) => pods.some((pod) => pod.uid === uid)),
    [first.uid],
  );
});

test('a mark that cannot be read holds up its own pod alone, until it is gone', async () => {
  const [damaged, attached, settled] = await Promise.all([node.pod(), node.pod(), node.pod()]);
  node.store.damagedMarks.add(damaged.uid);
  await attached.intend({}, { phase: 'attached' });
  const mark = { v: 1, namespace: 'default', name: 'a', node: 'n1', inputsHash: 'h', sandboxId: settled.sandboxId };
  node.store.marks.set(settled.uid, mark);
  [attached, settled].forEach(recreate);
  const told: string[] = [];
  const watch = new SandboxWatch(node.deps, LOG, async ({ uid }) => void told.push(uid));
  await assert.rejects(watch.look(NEVER), new RegExp(`the mark of ${damaged.uid} is not JSON`));
  for (const { uid } of [attached, settled]) assert.equal(told.filter((each) => each === uid).length, 1);
  const before = told.length;
  await assert.rejects(watch.look(NEVER), /is not JSON/);
  node.store.damagedMarks.delete(damaged.uid);
  await watch.look(NEVER);
  assert.deepEqual(told.slice(before), []);
});

test('a run that cannot be told is told at the next look', async () => {
  const pod = await node.pod();
  await pod.intend({}, { phase: 'attached' });
  recreate(pod);
  let tries = 0;
  const watch = new SandboxWatch(node.deps, LOG, async ({ uid }) => {
    if (uid !== pod.uid) return;
    tries += 1;
    if (tries === 1) throw new Error('away');
  });
  await assert.rejects(watch.look(NEVER), /away/);
  await watch.look(NEVER);
  await watch.look(NEVER);
  assert.equal(tries, 2);
});

/** As a static pod's mirror: in the API it has a UID of its own. */
const mirrorOf = ({ uid: runtimeUid }: Pod, podUid: string) => ({
  podUid,
  runtimeUid,
  namespace: 'default',
  name: 'a',
});

test("a static pod's sandbox is found by the UID that its node knows, and by none of another pod", async () => {
  const pod = await node.pod();
  const mirror = mirrorOf(pod, randomUUID());
  assert.equal((await node.steps.lookupSandbox(mirror, NEVER)).sandboxId, pod.sandboxId);
  for (const other of [{ name: 'b' }, { namespace: 'shop' }]) {
    const thief = { ...mirror, ...other };
    await assert.rejects(node.steps.lookupSandbox(thief, NEVER), { code: 'NetnsRefused' });
    await assert.rejects(node.deps.netnsResolver.openToInspect({ ...thief, questions: [] }, NEVER), {
      code: 'SandboxGone',
    });
    await assert.rejects(node.ensure(await pod.intend({}, thief)), { code: 'SandboxChanged' });
    await node.remove(await pod.intend({}, { ...thief, phase: 'removing' }));
  }
  assert.equal(await pod.link(), undefined);
});

test("a static pod's mirror that was made anew gets its link when that of the earlier one is gone", async () => {
  const pod = await node.pod();
  const [earlier, later] = [mirrorOf(pod, randomUUID()), mirrorOf(pod, randomUUID())];
  const attached = await pod.intend({}, earlier);
  const { mac } = await node.ensure(attached);
  const wanted = await pod.intend({}, later);
  await assert.rejects(node.ensure(wanted), { code: 'SandboxBusy' });
  assert.equal((await pod.link())?.mac, mac);
  const removing = await pod.intend({}, { ...earlier, phase: 'removing' });
  assert.deepEqual(await node.remove(removing), { outcome: 'removed' });
  node.store.attachments.delete(removing.key);
  await node.ensure(wanted);
  assert.ok((await pod.link())?.up);
});

test("the run of a static pod's mirror is told when the sandbox was made anew", async () => {
  const pod = await node.pod();
  const mirror = mirrorOf(pod, randomUUID());
  await pod.intend({}, { ...mirror, phase: 'attached' });
  recreate(pod);
  const told: string[] = [];
  const watch = new SandboxWatch(node.deps, LOG, async ({ uid }) => void told.push(uid));
  await watch.look(NEVER);
  assert.ok(told.includes(mirror.podUid));
  assert.ok(!told.includes(pod.uid));
});
