/** The orchestrator's activities on a real etcd: run twice, or twice at once, as Temporal may do, they leave one state. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { ControlSteps, IntentInput } from '../../activities/control/control-contract.ts';
import { createNodeStore } from '../../adapters/etcd/node-store.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import { definitionKey } from '../../domain/cni/network-definition.ts';
import type { NetworkStatus } from '../../domain/status/podwire-status.ts';
import type { NodeStore } from '../../domain/ports/node-store.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import type { PodIdentity, PodView } from '../../domain/pod/pod-view.ts';
import { DEFAULT_DIALECT_SETTINGS, NPWG_NETWORKS_ANNOTATION } from '../../domain/settings.ts';
import { FakeCluster } from '../workflows/fake-cluster.ts';
import { sandboxOf } from '../workflows/scripted-nodes.ts';
import { controlOver, intentOver } from './control-over.ts';
import { etcdForTests } from './etcd-for-tests.ts';
import { RESULT } from './some-records.ts';

const NODE = 'n1';

describe('an activity that runs twice', () => {
  const real = etcdForTests();
  let records: RecordStore;
  let nodes: NodeStore;
  let control: ControlSteps;
  /** Another orchestrator, which has observed nothing. */
  let createControl: () => ControlSteps;
  const cluster = new FakeCluster();
  const meshSignals: { scope: string; reason: string }[] = [];
  /** What the mesh of the pod's network was told; each pod has a namespace of its own. */
  const told = ({ namespace }: PodIdentity): string[] =>
    meshSignals.filter(({ scope }) => scope === namespace).map(({ reason }) => reason);
  before(() => {
    records = createRecordStore(real.etcd);
    nodes = createNodeStore(real.etcd);
    createControl = () =>
      controlOver(records, cluster, {
        membersChanged: async ({ scope }, reason) => void meshSignals.push({ scope, reason }),
        podChanged: async () => undefined,
      });
    control = createControl();
  });

  let pods = 0;
  /** A running pod that asks for network `red`, with a published sandbox. */
  const podWith = async (): Promise<PodIdentity> => {
    const uid = `pod-${(pods += 1)}`;
    const pod = { uid, namespace: uid, name: 'web' };
    const view: PodView = {
      ...{
        uid,
        namespace: uid,
        name: 'web',
        nodeName: NODE,
        hostNetwork: false,
        phaseClass: 'counts',
        deleting: false,
      },
      ...{ podIPs: ['10.0.0.9'], labels: { [DEFAULT_DIALECT_SETTINGS.selector]: 'true' }, publishedStatus: undefined },
      annotations: { [DEFAULT_DIALECT_SETTINGS.annotation]: `red id=${100 + pods} ip=10.1.0.1/24` },
    };
    cluster.pods.set(`${uid}/web`, view);
    await nodes.putSandbox(NODE, sandboxOf({ podUid: uid, namespace: uid, name: 'web' }, `${uid}-sandbox`));
    return pod;
  };
  const intentOf = async (pod: PodIdentity): Promise<IntentInput> => intentOver(pod, await control.observePod(pod));
  const attach = async (pod: PodIdentity, by = control): Promise<IntentInput & { modRevision: string }> => {
    const input = await intentOf(pod);
    const intent = await by.recordIntent(input);
    assert.ok(intent.kind === 'recorded');
    const { modRevision } = intent;
    assert.ok(await by.recordResult({ ...input, modRevision, result: RESULT }));
    return { ...input, modRevision };
  };

  it('observes the same', async () => {
    const pod = await podWith();
    const [a, b] = await Promise.all([control.observePod(pod), control.observePod(pod)]);
    assert.deepEqual(a, b);
    assert.equal(a.presence, 'live');
  });

  it('observes the same whatever node and networks the starter of the run named', async () => {
    const pod = await podWith();
    await attach(pod);
    const unnamed = await control.observePod(pod);
    assert.equal(unnamed.known.length, 1);
    assert.equal(unnamed.sandboxId, `${pod.uid}-sandbox`);
    for (const node of [NODE, 'another', '']) assert.deepEqual(await control.observePod({ ...pod, node }), unnamed);
    const definitions = [{ kind: 'nad' as const, namespace: pod.namespace, name: 'that-it-does-not-name' }];
    assert.deepEqual(await control.observePod({ ...pod, node: NODE, definitions }), unnamed);
  });

  it('takes the refusal of another network that wanted the same interface for none of its own', async () => {
    const pod = await podWith();
    const { inputsHash: hash, wished: allDesired } = await control.observePod(pod);
    const own = allDesired[0]?.network ?? { scope: '', name: '' };
    const failure = { code: 'InterfaceConflict', message: 'taken' };
    const refuse = (name: string) =>
      control.recordRefusal({
        ...pod,
        inputsHash: hash,
        interfaceName: 'red',
        network: { ...own, name },
        failure,
      });
    await refuse('green');
    assert.equal((await control.observePod(pod)).wished[0]?.refused, undefined);
    await refuse('red');
    assert.deepEqual((await control.observePod(pod)).wished[0]?.refused, failure);
  });

  it('writes no intent beside a removal that its observation did not see', async () => {
    const input = await intentOf(await podWith());
    const intent = await control.recordIntent(input);
    assert.ok(intent.kind === 'recorded');
    await control.beginRemoval({ ...input, modRevision: intent.modRevision });
    assert.equal((await control.recordIntent(input)).kind, 'stale');
    await control.forgetAttachment({ ...input, modRevision: '', tellsMesh: false });
    assert.equal((await control.recordIntent(input)).kind, 'recorded');
  });

  it('writes no intent over an attachment that its observation did not see', async () => {
    const pod = await podWith();
    const early = await intentOf(pod);
    // As when a lost etcd is filled again, by somebody else.
    const { interfaceName } = await attach(pod, createControl());
    for (const orchestrator of [control, createControl()])
      assert.deepEqual(await orchestrator.recordIntent(early), {
        ...{ kind: 'stale', reason: 'the interface was attached meanwhile' },
      });
    const [stored] = (await records.pod(pod.uid, '')).attachments;
    assert.equal(stored?.value.interfaceName, interfaceName);
    assert.equal(stored.value.phase, 'attached');
    assert.equal((await control.recordIntent(await intentOf(pod))).kind, 'recorded');
  });

  it('writes one intent, and both know its revision', async () => {
    const input = await intentOf(await podWith());
    const first = await control.recordIntent(input);
    assert.deepEqual(await control.recordIntent(input), first);
    assert.equal((await records.pod(input.uid, '')).attachments.length, 1);
  });

  it('writes one intent when both run at once: the loser observes again', async () => {
    const input = await intentOf(await podWith());
    const both = await Promise.all([control.recordIntent(input), control.recordIntent(input)]);
    assert.ok(both.some(({ kind }) => kind === 'recorded'));
    assert.ok(both.every(({ kind }) => kind !== 'refused'));
    const again = await control.recordIntent(input);
    assert.ok(again.kind === 'recorded');
    assert.equal(again.generation, 1);
  });

  it('writes the same intent on another orchestrator, also when podwire’s status was taken off the pod', async () => {
    const pod = await podWith();
    const { namespace } = pod;
    const config = JSON.stringify({ cniVersion: '1.0.0', name: 'x', type: 'bridge' });
    for (const name of ['green', 'blue']) {
      const ref = { kind: 'nad' as const, namespace, name };
      cluster.definitions.set(definitionKey(ref), { ...ref, uid: name, config, plugin: '' });
    }
    const change = (npwg: string, status: Partial<PodView> = {}): void => {
      const view = cluster.pods.get(`${namespace}/web`);
      assert.ok(view);
      const annotations = { [NPWG_NETWORKS_ANNOTATION]: npwg };
      cluster.pods.set(`${namespace}/web`, { ...view, ...status, annotations });
    };
    change('green@a0');
    const green = { ...(await intentOf(pod)), interfaceName: 'a0', selection: 0 };
    const intent = await control.recordIntent(green);
    assert.ok(intent.kind === 'recorded');
    await control.recordResult({ ...green, modRevision: intent.modRevision, result: RESULT });
    await control.publishStatus({ ...pod, attached: [], detached: [] });

    change('green@a0, blue@b0', { publishedStatus: undefined });
    const { wished: allDesired, inputsHash: hash } = await control.observePod(pod);
    assert.deepEqual(
      allDesired.map(({ interfaceName, selection }) => [interfaceName, selection]),
      [
        ['a0', 0],
        ['b0', 1],
      ],
    );
    const blue = { ...green, interfaceName: 'b0', selection: 1, inputsHash: hash };
    assert.equal((await createControl().recordIntent(blue)).kind, 'recorded');
    assert.ok(await createControl().publishStatus({ ...pod, attached: [], detached: [], thenMark: hash }));
    const status = JSON.parse(cluster.pods.get(`${namespace}/web`)?.publishedStatus ?? '[]') as NetworkStatus[];
    assert.deepEqual(
      status.map((entry) => `${String(entry.interface)} ${entry.state}`),
      ['a0 Attached', 'b0 Attaching'],
    );
  });

  it('shows no refusal of what is attached just as asked: a repair that was refused at first', async () => {
    const pod = await podWith();
    const input = await attach(pod);
    const [stored] = (await records.pod(pod.uid, NODE)).attachments;
    assert.ok(stored);
    const repair = await records.beginRepair(stored);
    assert.ok(repair);
    const network = stored.value.network;
    const failure = { code: 'LinkConflict', message: 'somebody else has the name' };
    await control.recordRefusal({ ...pod, inputsHash: input.inputsHash, interfaceName: 'red', network, failure });
    const { modRevision } = repair;
    assert.ok(await control.recordResult({ ...input, modRevision, result: RESULT }));
    assert.equal((await control.observePod(pod)).wished[0]?.refused, undefined);
    await control.publishStatus({ ...pod, attached: [], detached: [] });
    const status = cluster.pods.get(`${pod.namespace}/web`)?.publishedStatus ?? '[]';
    assert.deepEqual(
      (JSON.parse(status) as NetworkStatus[]).map(({ state }) => state),
      ['Attached'],
    );
  });

  it('repairs what a file of the node had configured with the text of then when the file is gone, and refuses it to others', async () => {
    const pod = await podWith();
    const ref = { kind: 'nad' as const, namespace: pod.namespace, name: 'filed' };
    cluster.definitions.set(definitionKey(ref), { ...ref, uid: 'filed', config: '', plugin: '' });
    const view = cluster.pods.get(`${pod.namespace}/web`);
    assert.ok(view);
    const annotations = { [NPWG_NETWORKS_ANNOTATION]: 'filed@f0, filed@f1' };
    cluster.pods.set(`${pod.namespace}/web`, { ...view, annotations });
    const text = JSON.stringify({ cniVersion: '1.0.0', name: 'filed', type: 'bridge' });
    await nodes.putNodeConfigs(NODE, { v: 1, configs: [{ file: '10.conf', name: 'filed', text }] });
    const first = { ...(await intentOf(pod)), interfaceName: 'f0', selection: 0 };
    const intent = await control.recordIntent(first);
    assert.ok(intent.kind === 'recorded');
    await control.recordResult({ ...first, modRevision: intent.modRevision, result: RESULT });
    await nodes.putNodeConfigs(NODE, undefined);
    const [stored] = (await records.pod(pod.uid, NODE)).attachments;
    assert.ok(stored?.value.kind === 'cni');
    assert.equal(stored.value.configText, text);
    const repair = await records.beginRepair(stored);
    assert.deepEqual(await createControl().recordIntent(first), {
      ...{ kind: 'recorded', generation: repair?.value.generation, modRevision: repair?.modRevision },
    });
    const other = await createControl().recordIntent({ ...first, interfaceName: 'f1', selection: 1 });
    assert.ok(other.kind === 'refused' && /offers no files/.test(other.message), JSON.stringify(other));
  });

  it('repairs with the definition as it is now, and knows what the interface was made with until that is done', async () => {
    const pod = await podWith();
    const define = (config: object, uid: string): void => {
      const ref = { kind: 'nad' as const, namespace: pod.namespace, name: 'green' };
      cluster.definitions.set(definitionKey(ref), { ...ref, uid, config: JSON.stringify(config), plugin: '' });
    };
    const [first, second, third] = ['br0', 'br1', 'br2'].map((bridge) => ({
      ...{ cniVersion: '1.0.0', name: 'green', type: 'bridge', bridge },
    })) as [object, object, object];
    const recorded = async () => {
      const [stored] = (await records.pod(pod.uid, NODE)).attachments;
      assert.ok(stored?.value.kind === 'cni');
      return { ...stored, value: stored.value };
    };
    define(first, 'a');
    const view = cluster.pods.get(`${pod.namespace}/web`);
    assert.ok(view);
    cluster.pods.set(`${pod.namespace}/web`, { ...view, annotations: { [NPWG_NETWORKS_ANNOTATION]: 'green@g0' } });
    const input = { ...(await intentOf(pod)), interfaceName: 'g0' };
    const intend = async () => {
      const intent = await createControl().recordIntent({ ...input, inputsHash: (await intentOf(pod)).inputsHash });
      assert.ok(intent.kind === 'recorded', JSON.stringify(intent));
      return intent;
    };
    const attached = { ...input, result: RESULT };
    await control.recordResult({ ...attached, ...(await intend()) });
    assert.ok(await records.beginRepair(await recorded()));
    // The second edit finds an intent that was not carried out either.
    for (const config of [second, third]) {
      define(config, 'b');
      await intend();
      const { configText, madeWith } = (await recorded()).value;
      assert.deepEqual([configText, madeWith?.configText], [JSON.stringify(config), JSON.stringify(first)]);
    }
    assert.ok(await control.recordResult({ ...attached, ...(await intend()) }));
    assert.equal((await recorded()).value.madeWith, undefined);
  });

  it('tells that an interface which was made anew has other addresses', async () => {
    const pod = await podWith();
    const ref = { kind: 'nad' as const, namespace: pod.namespace, name: 'green' };
    const config = JSON.stringify({ cniVersion: '1.0.0', name: 'green', type: 'macvlan' });
    cluster.definitions.set(definitionKey(ref), { ...ref, uid: 'a', config, plugin: '' });
    const view = cluster.pods.get(`${pod.namespace}/web`);
    assert.ok(view);
    cluster.pods.set(`${pod.namespace}/web`, { ...view, annotations: { [NPWG_NETWORKS_ANNOTATION]: 'green@g0' } });
    const make = async (address: string): Promise<void> => {
      const input = { ...(await intentOf(pod)), interfaceName: 'g0' };
      const made = await control.recordIntent(input);
      assert.ok(made.kind === 'recorded', JSON.stringify(made));
      const result = { ...RESULT, ifindex: RESULT.ifindex + 1, addresses: [address] };
      assert.ok(await control.recordResult({ ...input, ...made, result }));
      const network = { scope: pod.namespace, name: 'green' };
      await control.publishStatus({ ...pod, attached: [{ interfaceName: 'g0', network }], detached: [] });
    };
    const told = () => cluster.eventsOf(pod.uid).filter((event) => event.startsWith('NetworkWarning'));
    await make('10.1.0.5/24');
    assert.deepEqual(told(), []);
    const [stored] = (await records.pod(pod.uid, NODE)).attachments;
    assert.ok(stored !== undefined && (await records.beginRepair(stored)));
    await make('10.1.0.6/24');
    assert.match(told().join(), /g0: made anew, it has 10\.1\.0\.6\/24 and no longer 10\.1\.0\.5\/24/);
  });

  it('refuses an intent for wishes or a sandbox that are others by now', async () => {
    const input = await intentOf(await podWith());
    assert.equal((await control.recordIntent({ ...input, inputsHash: 'older' })).kind, 'stale');
    assert.equal((await control.recordIntent({ ...input, sandboxId: 'older' })).kind, 'stale');
    assert.deepEqual((await records.pod(input.uid, '')).attachments, []);
  });

  it('records a result once, also when its answer was lost', async () => {
    const input = await attach(await podWith());
    assert.ok(await control.recordResult({ ...input, result: RESULT }));
    assert.equal((await records.pod(input.uid, '')).attachments[0]?.value.phase, 'attached');
    // Nobody knows whether the first one had come that far.
    assert.deepEqual(told(input), ['a member joined', 'a member joined']);
  });

  it('takes an edit back once, also when its answer was lost or the edit was interrupted before', async () => {
    const pod = await podWith();
    const before = await attach(pod);
    assert.equal(await control.takeBackIntent(before), undefined);
    const edit = async (address: string): Promise<IntentInput> => {
      const view = cluster.pods.get(`${pod.uid}/web`);
      assert.ok(view);
      const text = view.annotations[DEFAULT_DIALECT_SETTINGS.annotation]?.replace(/ip=.*/, `ip=${address}`) ?? '';
      const annotations = { [DEFAULT_DIALECT_SETTINGS.annotation]: text };
      cluster.pods.set(`${pod.uid}/web`, { ...view, annotations });
      const input = await intentOf(pod);
      assert.equal((await control.recordIntent(input)).kind, 'recorded');
      return input;
    };
    await edit('10.1.0.2/24');
    const input = { ...(await edit('10.1.0.3/24')), modRevision: '' };
    const token = await control.takeBackIntent(input);
    assert.ok(token !== undefined);
    assert.deepEqual(await control.takeBackIntent(input), token);
    const record = (await records.pod(pod.uid, '')).attachments[0]?.value;
    assert.ok(record?.kind === 'vxlan');
    assert.deepEqual(record.link.addresses, ['10.1.0.1/24']);
    assert.deepEqual((await control.observePod(pod)).known[0]?.hasLastGood, true);
  });

  it('begins one removal and forgets once', async () => {
    const input = await attach(await podWith());
    const token = await control.beginRemoval(input);
    assert.ok(token !== undefined);
    assert.deepEqual(await control.beginRemoval(input), token);
    assert.ok(await control.forgetAttachment({ ...input, ...token, tellsMesh: true }));
    assert.ok(await control.forgetAttachment({ ...input, ...token, tellsMesh: true }));
    assert.deepEqual(told(input), ['a member joined', 'a member left']);
    const left = (await real.etcd.keys('/podwire/')).filter((key) => key.includes(input.uid));
    assert.deepEqual(left, [`/podwire/sandboxes/${NODE}/${input.uid}`]);
  });

  it('publishes one status and one event', async () => {
    const pod = await podWith();
    await attach(pod);
    const attached = [{ interfaceName: 'red', network: { scope: pod.uid, name: 'red' } }];
    const publish = (): Promise<boolean> => control.publishStatus({ ...pod, attached, detached: [] });
    await Promise.all([publish(), publish()]);
    const status = cluster.pods.get(`${pod.uid}/web`)?.publishedStatus;
    await publish();
    assert.equal(cluster.pods.get(`${pod.uid}/web`)?.publishedStatus, status);
    assert.match(status ?? '', /"state":"Attached"/);
    assert.deepEqual(cluster.eventsOf(pod.uid), [
      `NetworkAttached: attached red to network ${pod.uid}/red with 10.1.0.1/24`,
    ]);
  });

  it('writes one mark, for the inputs that were carried out and no others', async () => {
    const pod = await podWith();
    const { inputsHash: hash } = await attach(pod);
    assert.deepEqual(
      await Promise.all([
        control.writeMark({ ...pod, inputsHash: hash }),
        control.writeMark({ ...pod, inputsHash: hash }),
      ]),
      [true, true],
    );
    assert.equal((await nodes.readConverged([pod.uid])).get(pod.uid)?.inputsHash, hash);
    await control.observePod(pod);
    assert.equal((await nodes.readConverged([pod.uid])).get(pod.uid), undefined);
    assert.equal(await control.writeMark({ ...pod, inputsHash: 'older' }), false);
    assert.equal((await nodes.readConverged([pod.uid])).get(pod.uid), undefined);
  });

  it('writes the mark behind the status when told to, and says when the inputs are others by now', async () => {
    const pod = await podWith();
    const { inputsHash: thenMark } = await attach(pod);
    const status = { ...pod, attached: [], detached: [] };
    assert.equal(await control.publishStatus({ ...status, thenMark: 'older' }), false);
    assert.equal((await nodes.readConverged([pod.uid])).get(pod.uid), undefined);
    assert.equal(await control.publishStatus({ ...status, thenMark }), true);
    assert.equal((await nodes.readConverged([pod.uid])).get(pod.uid)?.inputsHash, thenMark);
    assert.match(cluster.pods.get(`${pod.uid}/web`)?.publishedStatus ?? '', /"state":"Attached"/);
  });
});
