/** A pod that was refused because another network has the VNI, or another pod the address, on a real etcd; the signals that wake it are recorded, and fail when told to. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { ControlSteps, IntentInput, IntentResult } from '../../activities/control/control-contract.ts';
import { createNodeStore } from '../../adapters/etcd/node-store.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import { blockedOnOf } from '../../domain/plan/blocked-on.ts';
import { PodwireError } from '../../domain/failures.ts';
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

describe('a pod that waits for a VNI or an address', () => {
  const real = etcdForTests();
  let records: RecordStore;
  let nodes: NodeStore;
  let control: ControlSteps;
  const cluster = new FakeCluster();
  const woken: string[] = [];
  let signalsAway = false;
  before(() => {
    records = createRecordStore(real.etcd);
    nodes = createNodeStore(real.etcd);
    control = controlOver(records, cluster, {
      membersChanged: async () => undefined,
      podChanged: async ({ uid }) => {
        if (signalsAway) throw new PodwireError('TemporalUnavailable', 'as told');
        woken.push(uid);
      },
    });
  });

  let numbers = 0;
  const vni = (): number => 500 + (numbers += 1);
  /** A running pod of a namespace that asks for one network, with a published sandbox. */
  const podWith = async (network: string, namespace?: string): Promise<PodIdentity> => {
    const uid = `waiting-${(numbers += 1)}`;
    const pod = { uid, namespace: namespace ?? uid, name: uid };
    annotate(pod, network);
    await nodes.putSandbox(NODE, sandboxOf({ podUid: uid, namespace: pod.namespace, name: uid }, `${uid}-sandbox`));
    return pod;
  };
  const annotate = ({ uid, namespace, name }: PodIdentity, network: string): void => {
    cluster.pods.set(`${namespace}/${name}`, {
      ...{ uid, namespace, name, nodeName: NODE, hostNetwork: false, phaseClass: 'counts', deleting: false },
      ...{ podIPs: ['10.0.0.9'], labels: { [DEFAULT_DIALECT_SETTINGS.selector]: 'true' }, publishedStatus: undefined },
      annotations: { [DEFAULT_DIALECT_SETTINGS.annotation]: network },
    });
  };
  /** What a run does first: a look, and the intent if nothing is in the way. */
  const begin = async (pod: PodIdentity): Promise<{ input: IntentInput; intent: IntentResult | 'refused before' }> => {
    const observation = await control.observePod(pod);
    const input = intentOver(pod, observation);
    return { input, intent: observation.wished[0]?.refused ? 'refused before' : await control.recordIntent(input) };
  };
  const intended = async (pod: PodIdentity): Promise<Recorded> => {
    const { input, intent } = await begin(pod);
    assert.ok(typeof intent === 'object' && intent.kind === 'recorded', JSON.stringify(intent));
    return { ...input, modRevision: intent.modRevision };
  };
  const attach = async (pod: PodIdentity): Promise<Recorded> => {
    const input = await intended(pod);
    assert.ok(await control.recordResult({ ...input, result: RESULT }));
    return input;
  };
  /** Returns what a run that was told `VniTaken` or `AddressTaken` does next. */
  const refused = async (pod: PodIdentity): Promise<() => Promise<void>> => {
    const { input, intent } = await begin(pod);
    assert.ok(typeof intent === 'object' && intent.kind === 'refused', JSON.stringify(intent));
    const { code, message } = intent;
    const blockedOn = blockedOnOf(intent);
    assert.equal(Object.keys(blockedOn).length, 1);
    const { interfaceName, inputsHash: hash } = input;
    const network = { scope: pod.namespace, name: interfaceName };
    return () =>
      control.recordRefusal({
        ...{ ...pod, inputsHash: hash, interfaceName, network, failure: { code, message }, ...blockedOn },
      });
  };
  const waiting = async (network: string, namespace?: string): Promise<PodIdentity> => {
    const pod = await podWith(network, namespace);
    await (
      await refused(pod)
    )();
    assert.deepEqual(wakings(pod), 0);
    return pod;
  };
  const wakings = ({ uid }: PodIdentity): number => woken.filter((each) => each === uid).length;
  const whileSignalsAreAway = async (work: () => Promise<unknown>): Promise<void> => {
    signalsAway = true;
    try {
      await assert.rejects(work(), /as told/);
    } finally {
      signalsAway = false;
    }
  };

  it('is woken when the last pod of the other network goes, not before, and gets it then', async () => {
    const id = vni();
    const [first, last] = [
      await attach(await podWith(`red id=${id}`, 'shared')),
      await attach(await podWith(`red id=${id}`, 'shared')),
    ];
    const pod = await waiting(`blue id=${id}`);
    await control.beginRemoval(first);
    assert.ok(await control.forgetAttachment({ ...first, modRevision: '', tellsMesh: false }));
    assert.equal(wakings(pod), 0);
    await control.beginRemoval(last);
    assert.ok(await control.forgetAttachment({ ...last, modRevision: '', tellsMesh: false }));
    assert.equal(wakings(pod), 1);
    await intended(pod);
    assert.deepEqual((await records.pod(pod.uid, NODE)).refusals, []);
  });

  it('is woken by its own refusal when the VNI was freed before that could be seen', async () => {
    const id = vni();
    const owner = await attach(await podWith(`red id=${id}`));
    const pod = await podWith(`blue id=${id}`);
    const recordRefusal = await refused(pod);
    await control.beginRemoval(owner);
    assert.ok(await control.forgetAttachment({ ...owner, modRevision: '', tellsMesh: false }));
    assert.equal(wakings(pod), 0);
    await whileSignalsAreAway(recordRefusal);
    await recordRefusal();
    assert.equal(wakings(pod), 1);
    await intended(pod);
  });

  for (const end of ['forgetAttachment', 'entombAttachment'] as const) {
    it(`is woken when ${end} runs again because it died after its transaction`, async () => {
      const id = vni();
      const owner = await attach(await podWith(`red id=${id}`));
      const pod = await waiting(`blue id=${id}`);
      await control.beginRemoval(owner);
      await whileSignalsAreAway(() => control[end]({ ...owner, modRevision: '', tellsMesh: false }));
      assert.ok(await control[end]({ ...owner, modRevision: '', tellsMesh: false }));
      assert.equal(wakings(pod), 1);
      await intended(pod);
    });
  }

  it('is woken when the result of a swapped link is recorded again because that died after its transaction', async () => {
    const id = vni();
    const owner = await podWith(`red id=${id}`);
    await attach(owner);
    const pod = await waiting(`blue id=${id}`);
    annotate(owner, `red id=${vni()}`);
    const swapped = { ...(await intended(owner)), result: RESULT };
    assert.equal(wakings(pod), 0);
    await whileSignalsAreAway(() => control.recordResult(swapped));
    assert.ok(await control.recordResult(swapped));
    assert.equal(wakings(pod), 1);
    await intended(pod);
  });

  it('gets the VNI also when another pod of its network has taken it in between', async () => {
    const id = vni();
    const owner = await attach(await podWith(`red id=${id}`));
    const namespace = `brothers-${id}`;
    const [first, second] = [await waiting(`blue id=${id}`, namespace), await waiting(`blue id=${id}`, namespace)];
    await control.beginRemoval(owner);
    await whileSignalsAreAway(() => control.forgetAttachment({ ...owner, modRevision: '', tellsMesh: false }));
    await intended(first);
    assert.ok(await control.forgetAttachment({ ...owner, modRevision: '', tellsMesh: false }));
    assert.equal(wakings(second), 1);
    await intended(second);
  });

  it('is refused anew, and told by whom, when a third network was faster; and woken when that one goes', async () => {
    const id = vni();
    const owner = await attach(await podWith(`red id=${id}`));
    const pod = await waiting(`blue id=${id}`);
    await control.beginRemoval(owner);
    assert.ok(await control.forgetAttachment({ ...owner, modRevision: '', tellsMesh: false }));
    const third = await podWith(`green id=${id}`);
    const faster = await attach(third);
    await (
      await refused(pod)
    )();
    assert.equal(wakings(pod), 1);
    assert.match((await records.pod(pod.uid, NODE)).refusals[0]?.message ?? '', new RegExp(`${third.namespace}/green`));
    await control.beginRemoval(faster);
    assert.ok(await control.forgetAttachment({ ...faster, modRevision: '', tellsMesh: false }));
    assert.equal(wakings(pod), 2);
  });

  /** A network of a namespace of its own. */
  const shopOf = (): { shop: string; network: string; id: number } => {
    const id = vni();
    return { shop: `shop-${id}`, network: `red id=${id}`, id };
  };

  it('is told who has its address, keeps what it has, and is woken when that pod leaves the network', async () => {
    const { shop, network } = shopOf();
    const owner = await podWith(`${network} ip=10.1.0.1/24 ip=fd00::1/64`, shop);
    const owned = await attach(owner);
    const edited = await podWith(`${network} ip=10.1.0.2/24`, shop);
    await attach(edited);
    annotate(edited, `${network} ip=fd00::0:1/48`);
    await (
      await refused(edited)
    )();
    const { attachments, refusals } = await records.pod(edited.uid, NODE);
    assert.equal(attachments[0]?.value.phase, 'attached');
    assert.deepEqual(refusals[0]?.code, 'AddressTaken');
    assert.match(refusals[0].message, new RegExp(`${shop}/red: address fd00::1 belongs to pod ${shop}/${owner.name};`));
    const pod = await waiting(`${network} ip=10.1.0.1/24`, shop);
    await control.beginRemoval(owned);
    assert.deepEqual([wakings(pod), wakings(edited)], [1, 1]);
    await attach(pod);
    await intended(edited);
  });

  it('is woken when the pod that has its address takes another one, and not before that is made', async () => {
    const { shop, network } = shopOf();
    const owner = await podWith(`${network} ip=10.1.0.1/24`, shop);
    await attach(owner);
    const pod = await waiting(`${network} ip=10.1.0.1/24`, shop);
    annotate(owner, `${network} ip=10.1.0.2/24`);
    const edit = await intended(owner);
    assert.equal(wakings(pod), 0);
    await waiting(`${network} ip=10.1.0.2/24`, shop);
    assert.ok(await control.recordResult({ ...edit, result: RESULT }));
    assert.equal(wakings(pod), 1);
    await intended(pod);
  });

  it('is woken when an edit that wanted its address is taken back', async () => {
    const { shop, network } = shopOf();
    const owner = await podWith(`${network} ip=10.1.0.1/24`, shop);
    await attach(owner);
    annotate(owner, `${network} ip=10.1.0.2/24`);
    const edit = await intended(owner);
    const pod = await waiting(`${network} ip=10.1.0.2/24`, shop);
    assert.ok(await control.takeBackIntent(edit));
    assert.equal(wakings(pod), 1);
    await intended(pod);
    await waiting(`${network} ip=10.1.0.1/24`, shop);
  });

  it('finds no address kept by pods that are gone, nor by one whose node is', async () => {
    const { shop, network } = shopOf();
    const [first, second] = [
      await attach(await podWith(`${network} ip=10.1.0.1/24`, shop)),
      await attach(await podWith(`${network} ip=10.1.0.2/24`, shop)),
    ];
    const pod = await waiting(`${network} ip=10.1.0.2/24`, shop);
    await control.beginRemoval(first);
    assert.ok(await control.forgetAttachment({ ...first, modRevision: '', tellsMesh: false }));
    assert.ok(await control.entombAttachment(second));
    assert.equal(wakings(pod), 1);
    const reserved = await real.etcd.keys(`/podwire/networks/${shop}/red/addresses/`);
    assert.deepEqual(reserved, []);
  });

  it('goes on as it is when it is known to have been attached, whoever has reserved its address since', async () => {
    const { shop, id } = shopOf();
    const pod = await podWith(`red id=${id} ip=10.1.0.1/24`, shop);
    await attach(await podWith(`red id=${id} ip=10.1.0.1/24`, shop));
    const view = cluster.pods.get(`${shop}/${pod.name}`);
    assert.ok(view);
    const status = [{ name: `${shop}/red`, interface: 'red', state: 'Attached', vni: id, dstport: 8472 }];
    const known = { ...view, publishedStatus: JSON.stringify(status) };
    cluster.pods.set(`${shop}/${pod.name}`, known);
    await attach(pod);
    await attach(await podWith(`red id=${id} ip=10.1.0.2/24`, shop));
    const annotations = { [DEFAULT_DIALECT_SETTINGS.annotation]: `red id=${id} ip=10.1.0.2/24` };
    cluster.pods.set(`${shop}/${pod.name}`, { ...known, annotations });
    assert.ok(await refused(pod), 'its edit is one like any other');
  });
});
