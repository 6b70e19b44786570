/** The run of a network object: finalizer, VNI, status, and an object that goes when its last member has gone. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { signalObject } from '../../adapters/temporal/object-starter.ts';
import { signalMesh } from '../../adapters/temporal/pod-starter.ts';
import * as keys from '../../domain/keys.ts';
import { objectWorkflowId } from '../../domain/messages.ts';
import { declaredNetwork } from '../../domain/network-objects/network-object.ts';
import type { NetworkObjectRef, NetworkStatus } from '../../domain/network-objects/status.ts';
import { networkKey } from '../../domain/network-selection.ts';
import { RECORD_VERSION, type MemberRecord } from '../../domain/records.ts';
import type { ControlName } from './control-faults.ts';
import { beginIncarnation, declareKnown } from '../../adapters/etcd/store-state.ts';
import { startHarness, type Harness } from './harness.ts';
import { until, untilAsked, within } from './limits.ts';

const SUBNETS = [{ cidr: '10.20.0.0/16' }];

describe('the run of a network object', { concurrency: true }, () => {
  let lab: Harness;
  before(async () => {
    lab = await startHarness();
  });
  after(() => lab.stop());

  const tell = async (ref: NetworkObjectRef): Promise<void> => {
    await signalObject(lab.client, ref, { reason: 'test' });
  };
  const ends = (ref: NetworkObjectRef): Promise<void> =>
    within('the run ends', lab.client.workflow.getHandle(objectWorkflowId(ref.uid)).result() as Promise<void>);
  const status = (ref: NetworkObjectRef): NetworkStatus | undefined => lab.objects.find(ref)?.status;
  const ready = (ref: NetworkObjectRef): string => {
    const [condition] = status(ref)?.conditions ?? [];
    return `${condition?.reason}: ${condition?.message}`;
  };
  const ownerOf = async (vni: number | undefined): Promise<string | undefined> =>
    (await lab.etcd.get(keys.vniKey(8472, vni ?? 0)))?.value;
  const keysOf = async (ref: NetworkObjectRef): Promise<readonly string[]> => {
    const network = declaredNetwork(ref);
    const hold = await lab.etcd.get(keys.networkObjectKey(network));
    const below = await lab.etcd.keys(`${keys.networksPrefix()}${networkKey(network)}/`);
    return [...below, ...(hold === undefined ? [] : [hold.key])];
  };
  const memberOf = (node: string): MemberRecord => ({
    ...{ v: RECORD_VERSION, node, sandboxId: `sandbox-${node}`, interfaceName: 'net1', generation: 1 },
    ...{ vtep: '10.0.0.1', mac: '02:00:00:00:00:01', addresses: ['10.20.0.1/16'] },
  });
  const join = async (ref: NetworkObjectRef, podUid: string): Promise<void> => {
    const value = JSON.stringify(memberOf('n1'));
    await lab.etcd.transact([], [{ put: keys.memberKey(declaredNetwork(ref), podUid, 'net1'), value }]);
  };

  it('gives a network without a VNI one, holds the object, says so, and ends', async () => {
    const ref = lab.objects.apply({ subnets: SUBNETS });
    await tell(ref);
    await ends(ref);
    assert.equal(lab.objects.find(ref)?.held, true);
    const { vni, members, observedGeneration } = status(ref) ?? {};
    assert.deepEqual([members, observedGeneration], [0, 1]);
    assert.ok(vni !== undefined && vni >= 70_000);
    assert.match(ready(ref), /^Serving/);
    assert.equal(await ownerOf(vni), networkKey(declaredNetwork(ref)));
  });

  it('lets pods that waited for the VNI have the network', async () => {
    const ref = lab.objects.apply({ subnets: SUBNETS });
    const pod = await lab.pod('');
    pod.define('blue', JSON.stringify({ type: 'podwire', network: ref.name }));
    await pod.select('blue');
    await pod.ended();
    assert.match(lab.cluster.eventsOf(pod.uid).join('\n'), /NetworkRefused: .*has no VNI yet/);
    await tell(ref);
    await ends(ref);
    await pod.signal();
    await until('the pod has the link', () => pod.links.length === 1);
    await pod.ended();
    const [record] = await pod.records();
    assert.equal(record?.kind === 'vxlan' ? record.link.vni : undefined, status(ref)?.vni);
  });

  it('hears of members by the run of the mesh, and writes one status for many of them', async () => {
    const ref = lab.objects.apply({ vni: lab.vni() });
    await tell(ref);
    await ends(ref);
    for (const podUid of ['a', 'b', 'c', 'd', 'e']) {
      await join(ref, podUid);
      await signalMesh(lab.client, declaredNetwork(ref), { reason: 'test' });
    }
    await until('the status has them', () => status(ref)?.members === 5);
    assert.deepEqual([status(ref)?.nodes, status(ref)?.addresses, status(ref)?.meshComplete], [1, 5, true]);
    const written = lab.objects.written.get(ref.uid) ?? [];
    assert.ok(written.length <= 3, `${written.length} statuses`);
    for (const [at, { at: time }] of written.entries())
      assert.ok(at === 0 || time - (written[at - 1]?.at ?? 0) > 2_500, 'paced');
  });

  it('keeps a deleted object, names who is attached, admits nobody new, and lets it go with the last one', async () => {
    const ref = lab.objects.apply({ subnets: SUBNETS });
    await tell(ref);
    await ends(ref);
    const pod = await lab.pod('');
    pod.define('blue', JSON.stringify({ type: 'podwire', network: ref.name }));
    await pod.select('blue');
    await pod.ended();
    const vni = status(ref)?.vni;
    lab.objects.delete(ref);
    await tell(ref);
    await until('it says who', () => ready(ref).includes(`attached: 1 (${pod.namespace}/${pod.name})`));
    await pod.signal();
    await pod.ended();
    assert.equal((await pod.records()).length, 1, 'what is attached stays');
    const late = await lab.pod('');
    late.define('blue', JSON.stringify({ type: 'podwire', network: ref.name }));
    await late.select('blue');
    await late.ended();
    assert.match(lab.cluster.eventsOf(late.uid).join('\n'), /is being deleted/);
    await pod.remove();
    await pod.ended();
    await tell(ref);
    await ends(ref);
    assert.equal(lab.objects.find(ref), undefined);
    assert.equal(await ownerOf(vni), undefined);
    assert.deepEqual(await keysOf(ref), []);
  });

  it('waits for a VNI that another network has, says whose it is, and gets it when it is free', async () => {
    const vni = lab.vni();
    const owner = await lab.pod(`red id=${vni}`);
    await owner.converge();
    const ref = lab.objects.apply({ vni });
    await tell(ref);
    await until('the status says so', () => ready(ref).startsWith('VniTaken'));
    assert.match(ready(ref), new RegExp(`belongs to network ${owner.namespace}/red`));
    await owner.remove();
    await owner.ended();
    await tell(ref);
    await ends(ref);
    assert.deepEqual([status(ref)?.vni, ready(ref).split(':')[0]], [vni, 'Serving']);
  });

  it('leaves the VNIs of the ConfigMap to its networks', async () => {
    const vni = lab.vni();
    lab.cluster.declared = { ...lab.cluster.declared, theirs: `id=${vni}` };
    const ref = lab.objects.apply({ vni });
    await tell(ref);
    await until('the status says so', () => status(ref)?.conditions[1]?.reason === 'VniDeclaredTwice');
    assert.equal(await ownerOf(vni), undefined);
    lab.objects.delete(ref);
    await tell(ref);
    await ends(ref);
  });

  const STEPS = [
    ...(['observeNetworkObject', 'holdNetworkObject', 'reserveNetworkVni', 'publishNetworkStatus'] as const),
    'releaseNetworkVni',
  ] as const satisfies readonly ControlName[];
  for (const name of STEPS)
    for (const fault of ['EtcdUnavailable', 'lost'] as const)
      it(`gives one VNI and leaves nothing behind when ${name} ${fault === 'lost' ? 'is done and not heard of' : 'fails'}`, async () => {
        const ref = lab.objects.apply({});
        const isStruck = (called: ControlName): boolean => called === name && lab.faults.count(ref.uid, name) <= 3;
        lab.faults.set(ref.uid, (called) => (isStruck(called) ? fault : undefined));
        await tell(ref);
        await ends(ref);
        const { vni, uses } = { vni: status(ref)?.vni, uses: await keysOf(ref) };
        assert.equal(await ownerOf(vni), networkKey(declaredNetwork(ref)));
        assert.equal(uses.length, 2, uses.join());
        const vnis = await lab.etcd.list(keys.tunnelsPrefix());
        const own = vnis.entries.filter(({ value }) => value === networkKey(declaredNetwork(ref)));
        assert.equal(own.length, 1);
        lab.objects.delete(ref);
        await tell(ref);
        await ends(ref);
        // A step whose answers were lost is not taken again: the next look sees what it did.
        assert.ok(lab.faults.count(ref.uid, name) > (fault === 'lost' ? 1 : 3), 'the step was struck');
        assert.equal(lab.objects.find(ref), undefined);
        assert.deepEqual(await keysOf(ref), []);
        assert.equal(await ownerOf(vni), undefined);
      });

  it('gives up what an object held that is gone without it', async () => {
    const ref = lab.objects.apply({});
    await tell(ref);
    await ends(ref);
    const vni = status(ref)?.vni;
    await lab.objects.hold(ref, false);
    lab.objects.delete(ref);
    await tell(ref);
    await ends(ref);
    assert.equal(await ownerOf(vni), undefined);
    assert.deepEqual(await keysOf(ref), []);
  });
});

describe('the run of a network object whose steps fail, or whose etcd is lost', () => {
  /** Events at which the server suggests a fresh history. */
  const FULL_HISTORY = 40;
  let lab: Harness;
  before(async () => {
    lab = await startHarness(FULL_HISTORY);
  });
  after(() => lab.stop());

  const tell = async (ref: NetworkObjectRef): Promise<void> => {
    await signalObject(lab.client, ref, { reason: 'test' });
  };
  const ends = (ref: NetworkObjectRef): Promise<void> =>
    within('the run ends', lab.client.workflow.getHandle(objectWorkflowId(ref.uid)).result() as Promise<void>);
  const ready = (ref: NetworkObjectRef): string => {
    const [condition] = lab.objects.find(ref)?.status?.conditions ?? [];
    return `${condition?.reason}: ${condition?.message}`;
  };

  it('looks again after each try: an object that is deleted meanwhile goes, although its VNI cannot be reserved', async () => {
    const ref = lab.objects.apply({});
    lab.faults.set(ref.uid, (name) => (name === 'reserveNetworkVni' ? 'EtcdUnavailable' : undefined));
    await tell(ref);
    await until('the reservation is tried', () => lab.faults.count(ref.uid, 'reserveNetworkVni') >= 2);
    lab.objects.delete(ref);
    await tell(ref);
    await ends(ref);
    assert.equal(lab.objects.find(ref), undefined);
  });

  it('goes on with a fresh history where a step is refused for days', async () => {
    const ref = lab.objects.apply({});
    lab.faults.set(ref.uid, (name) => (name === 'holdNetworkObject' ? 'ApiUnavailable' : undefined));
    await tell(ref);
    const runId = async (): Promise<string> =>
      (await lab.client.workflow.getHandle(objectWorkflowId(ref.uid)).describe()).runId;
    const first = await runId();
    await untilAsked('another run goes on', async () => {
      // A signal ends the pause between two tries.
      await tell(ref);
      return (await runId()) !== first;
    });
    lab.faults.set(ref.uid, undefined);
    await tell(ref);
    await ends(ref);
    assert.match(ready(ref), /^Serving/);
  });

  it('keeps a deleted object until its members have recorded themselves in a new etcd, and goes with the last of them', async () => {
    const ref = lab.objects.apply({});
    await tell(ref);
    await ends(ref);
    const pod = await lab.pod('');
    pod.define('blue', JSON.stringify({ type: 'podwire', network: ref.name }));
    await pod.select('blue');
    await pod.ended();
    const vni = lab.objects.find(ref)?.status?.vni;
    lab.objects.delete(ref);
    await tell(ref);
    await until('it says who', () => ready(ref).includes('attached: 1 '));
    await lab.etcd.transact(
      [],
      (await lab.etcd.keys(keys.rootPrefix())).map((remove) => ({ remove })),
    );
    await beginIncarnation(lab.etcd, 'second', '2026-01-02T00:00:00Z');
    await lab.store.putRestored('n1');
    await pod.publishSandbox(`sandbox-${pod.uid}`);
    const looks = lab.faults.count(ref.uid, 'observeNetworkObject');
    await tell(ref);
    await until('it looks', () => lab.faults.count(ref.uid, 'observeNetworkObject') > looks);
    await pod.signal();
    await pod.ended();
    const [record] = await pod.records();
    assert.deepEqual([record?.phase, record?.kind === 'vxlan' && record.link.vni], ['attached', vni]);
    assert.equal(lab.objects.find(ref)?.held, true, 'nobody knew who was attached');
    await declareKnown(lab.etcd, 'ids', 'second');
    await declareKnown(lab.etcd, 'whole', 'second');
    assert.match(ready(ref), /^DeletionWaits.*attached: 1 /);
    await pod.remove();
    await pod.ended();
    await tell(ref);
    await ends(ref);
    assert.equal(lab.objects.find(ref), undefined);
  });
});
