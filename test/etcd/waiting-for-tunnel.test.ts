/** Pods of one network that change its id in their annotations, on a real etcd; the signals that wake them are recorded. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { ControlSteps, IntentInput, IntentResult } from '../../activities/control/control-contract.ts';
import { createNodeStore } from '../../adapters/etcd/node-store.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import { blockedOnOf } from '../../domain/plan/blocked-on.ts';
import type { PodIdentity } from '../../domain/pod/pod-view.ts';
import type { NodeStore } from '../../domain/ports/node-store.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../domain/settings.ts';
import { FakeCluster } from '../workflows/fake-cluster.ts';
import { sandboxOf } from '../workflows/scripted-nodes.ts';
import { controlOver, intentOver } from './control-over.ts';
import { etcdForTests } from './etcd-for-tests.ts';
import { RESULT } from './some-records.ts';

const NODE = 'n1';
type Recorded = IntentInput & { readonly modRevision: string };

describe('a network that only pods name, of another id than its pods ask for by now', () => {
  const real = etcdForTests();
  let records: RecordStore;
  let nodes: NodeStore;
  let control: ControlSteps;
  const cluster = new FakeCluster();
  const woken: string[] = [];
  before(() => {
    records = createRecordStore(real.etcd);
    nodes = createNodeStore(real.etcd);
    control = controlOver(records, cluster, {
      membersChanged: async () => undefined,
      podChanged: async ({ uid }) => void woken.push(uid),
    });
  });

  let numbers = 0;
  /** A namespace with a network, and the two ids of that. */
  const shopOf = (): { shop: string; old: string; next: string } => {
    const id = 700 + 2 * (numbers += 1);
    return { shop: `moving-${id}`, old: `red id=${id}`, next: `red id=${id + 1} dstport=4790` };
  };
  const podWith = async (network: string, namespace: string): Promise<PodIdentity> => {
    const uid = `mover-${(numbers += 1)}`;
    const pod = { uid, namespace, name: uid };
    annotate(pod, network);
    await nodes.putSandbox(NODE, sandboxOf({ podUid: uid, namespace, name: uid }, `${uid}-sandbox`));
    return pod;
  };
  const annotate = ({ uid, namespace, name }: PodIdentity, network: string): void => {
    cluster.pods.set(`${namespace}/${name}`, {
      ...{ uid, namespace, name, nodeName: NODE, hostNetwork: false, phaseClass: 'counts', deleting: false },
      ...{ podIPs: ['10.0.0.9'], labels: { [DEFAULT_DIALECT_SETTINGS.selector]: 'true' }, publishedStatus: undefined },
      annotations: { [DEFAULT_DIALECT_SETTINGS.annotation]: network },
    });
  };
  /** What a run does first: a look, and the intent. */
  const begin = async (pod: PodIdentity): Promise<{ input: IntentInput; intent: IntentResult }> => {
    const observation = await control.observePod(pod);
    assert.equal(observation.wished[0]?.refused, undefined, 'it is not tried');
    const input = intentOver(pod, observation);
    return { input, intent: await control.recordIntent(input) };
  };
  const intended = async (pod: PodIdentity): Promise<Recorded> => {
    const { input, intent } = await begin(pod);
    assert.ok(intent.kind === 'recorded', JSON.stringify(intent));
    return { ...input, modRevision: intent.modRevision };
  };
  const attach = async (pod: PodIdentity): Promise<Recorded> => {
    const input = await intended(pod);
    assert.ok(await control.recordResult({ ...input, result: RESULT }));
    return input;
  };
  const member = async (network: string, namespace: string): Promise<PodIdentity> => {
    const pod = await podWith(network, namespace);
    await attach(pod);
    return pod;
  };
  const refused = async (pod: PodIdentity): Promise<void> => {
    const { input, intent } = await begin(pod);
    assert.ok(intent.kind === 'refused' && intent.code === 'VniFixed', JSON.stringify(intent));
    const { code, message } = intent;
    const { interfaceName, inputsHash } = input;
    const network = { scope: pod.namespace, name: interfaceName };
    await control.recordRefusal({
      ...{ ...pod, inputsHash, interfaceName, network, failure: { code, message }, ...blockedOnOf(intent) },
    });
  };
  const asksAndIsRefused = async (pod: PodIdentity, network: string): Promise<void> => {
    annotate(pod, network);
    await refused(pod);
  };
  const leave = async (pod: PodIdentity): Promise<void> => {
    const observation = await control.observePod(pod);
    const [known] = observation.known;
    assert.ok(known);
    const { interfaceName, sandboxId, generation, modRevision } = known;
    const input = { ...pod, node: NODE, sandboxId, interfaceName, generation, modRevision };
    assert.ok(await control.beginRemoval(input));
    assert.ok(await control.forgetAttachment({ ...input, modRevision: '', tellsMesh: false }));
  };
  const wakings = (...pods: PodIdentity[]): number[] =>
    pods.map(({ uid }) => woken.filter((each) => each === uid).length);
  const tunnelsOf = async (shop: string): Promise<readonly string[]> => {
    const { entries } = await real.etcd.list(`/podwire/networks/${shop}/red/users/`);
    return [...new Set(entries.map(({ value }) => value))];
  };

  it('moves when the last of its pods asks for the same: all are woken then, go in any order, and nothing is left of the old id', async () => {
    const { shop, old, next } = shopOf();
    const [a, b, c] = [await member(old, shop), await member(old, shop), await member(old, shop)];
    await asksAndIsRefused(a, next);
    await asksAndIsRefused(b, next);
    assert.deepEqual(wakings(a, b, c), [0, 0, 0]);
    annotate(c, next);
    const last = await intended(c);
    assert.deepEqual(wakings(a, b), [1, 1]);
    const first = await intended(a);
    assert.ok(await control.recordResult({ ...last, result: RESULT }));
    assert.ok(await control.recordResult({ ...first, result: RESULT }));
    await attach(b);
    assert.equal((await tunnelsOf(shop)).length, 1);
    assert.equal(await records.tunnelOwner(`8472/${old.split('=')[1]}`), undefined);
    for (const pod of [a, b, c]) assert.deepEqual((await records.pod(pod.uid, NODE)).refusals, []);
  });

  it('moves also when all of its pods were refused before any of them could see the others ask', async () => {
    const { shop, old, next } = shopOf();
    const [a, b] = [await member(old, shop), await member(old, shop)];
    annotate(a, next);
    annotate(b, next);
    const tries = [await begin(a), await begin(b)];
    for (const [index, pod] of [a, b].entries()) {
      const { input, intent } = tries[index] ?? assert.fail();
      assert.ok(intent.kind === 'refused', JSON.stringify(intent));
      const { interfaceName, inputsHash } = input;
      const network = { scope: shop, name: interfaceName };
      const failure = { code: intent.code, message: intent.message };
      await control.recordRefusal({ ...pod, inputsHash, interfaceName, network, failure, ...blockedOnOf(intent) });
    }
    assert.deepEqual(wakings(a, b), [1, 1]);
    // Both look before either goes.
    const [one, other] = [await control.observePod(a), await control.observePod(b)];
    for (const [pod, observation] of [[a, one] as const, [b, other] as const])
      assert.equal((await control.recordIntent(intentOver(pod, observation))).kind, 'recorded');
  });

  it('stays where it is for one pod that does not ask for the new id, until that leaves', async () => {
    const { shop, old, next } = shopOf();
    const [a, b, stays] = [await member(old, shop), await member(old, shop), await member(old, shop)];
    await asksAndIsRefused(a, next);
    await asksAndIsRefused(b, next);
    // What nobody can read says nothing.
    const unreadable = `/podwire/refusals/${stays.uid}/red`;
    await real.etcd.transact([], [{ put: unreadable, value: '{"v":1}' }]);
    await refused(a);
    await real.etcd.transact([], [{ remove: unreadable }]);
    const newcomer = await podWith(next, shop);
    await refused(newcomer);
    assert.deepEqual(wakings(a, b, newcomer), [0, 0, 0]);
    const { attachments, refusals } = await records.pod(a.uid, NODE);
    assert.deepEqual([attachments[0]?.value.phase, refusals.length], ['attached', 1]);
    await leave(stays);
    assert.deepEqual(wakings(a, b, newcomer), [1, 1, 1]);
    for (const pod of [newcomer, a, b]) await attach(pod);
  });

  it('stays where it is while its pods ask for different ones, and for one that asks no more', async () => {
    const { shop, old, next } = shopOf();
    const other = shopOf().next;
    const [a, b] = [await member(old, shop), await member(old, shop)];
    await asksAndIsRefused(a, next);
    await asksAndIsRefused(b, other);
    await refused(a);
    assert.deepEqual(wakings(a, b), [0, 0]);
    annotate(a, old);
    await control.observePod(a);
    await asksAndIsRefused(b, next);
    assert.deepEqual(wakings(a, b), [0, 0]);
  });

  it('does not refuse an edit of a pod that went with it for one that went back to the old id', async () => {
    const { shop, old, next } = shopOf();
    const [a, b] = [await member(old, shop), await member(old, shop)];
    await asksAndIsRefused(b, next);
    annotate(a, next);
    await attach(a);
    annotate(b, old);
    await control.observePod(b);
    annotate(a, `${next} up=true`);
    await attach(a);
  });
});
