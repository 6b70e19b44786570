/** The sweep's control side on a real etcd; the cluster, signals and runs are recorded calls. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createControlActivities } from '../../activities/control/index.ts';
import { createObserveOnly } from '../../activities/control/observe-pod.ts';
import { createSweepControlActivities } from '../../activities/control/sweep/sweep-control.ts';
import type { RepairDriftInput } from '../../activities/control/sweep/sweep-control-contract.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import { inputsHash } from '../../adapters/hash/inputs-hash.ts';
import { md5 } from '../../adapters/hash/md5.ts';
import { ipCodec } from '../../adapters/ip/ip-codec.ts';
import { definitionKey } from '../../domain/cni/network-definition.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { PodEvent } from '../../domain/ports/cluster.ts';
import type { AttachmentRecord, Stored } from '../../domain/records.ts';
import { DEFAULT_DIALECT_SETTINGS, NPWG_NETWORKS_ANNOTATION } from '../../domain/settings.ts';
import { FakeCluster } from '../workflows/fake-cluster.ts';
import { etcdForTests } from './etcd-for-tests.ts';
import { cniIntent, intent, memberOf, RESULT } from './some-records.ts';

const real = etcdForTests();

function bench(o: { open?: boolean; apiFails?: number } = {}) {
  const records = createRecordStore(real.etcd);
  const events: PodEvent[] = [];
  const signals: string[] = [];
  let failures = o.apiFails ?? 0;
  const pods = new FakeCluster();
  const podParts = {
    ...{ cluster: pods, records, ip: ipCodec, settings: DEFAULT_DIALECT_SETTINGS, hash: inputsHash, md5 },
  };
  const podSignals = { membersChanged: async () => undefined, podChanged: async () => undefined };
  const control = createControlActivities({ ...podParts, signals: podSignals, nodeGoneSeconds: 1 });
  const activities = createSweepControlActivities({
    records,
    observeOnly: createObserveOnly(podParts),
    publishStatus: (input) => control.publishStatus(input),
    cluster: {
      podHasAddress: async (address) => address === '10.0.0.7',
      createEvent: async (_pod, event) => {
        if ((failures -= 1) >= 0) throw new PodwireError('ApiUnavailable', 'as told');
        events.push(event);
      },
    },
    signals: { podChanged: async ({ uid }) => void signals.push(uid) },
    runs: { isOpen: async () => o.open === true },
  });
  return { records, events, signals, pods, ...activities };
}

let numbers = 0;
async function attached({ records }: ReturnType<typeof bench>): Promise<Stored<AttachmentRecord>> {
  numbers += 1;
  const record = intent(`swept-${numbers}`, 5_000 + numbers);
  const outcome = await records.recordIntent(record);
  assert.ok(outcome.kind === 'recorded');
  assert.ok(await records.recordResult(outcome.stored, RESULT, memberOf(record)));
  const now = await records.attachment(outcome.stored.key);
  assert.ok(now);
  return now;
}

const inputOf = ({ value, modRevision }: Stored<AttachmentRecord>): RepairDriftInput => ({
  ...{ uid: value.podUid, namespace: value.namespace, name: value.name, node: value.node },
  ...{ sandboxId: value.sandboxId, interfaceName: value.interfaceName, generation: value.generation, modRevision },
  why: 'the link is gone',
});

describe('repair of what drifted', () => {
  it('goes back to the intent with a new generation, keeps membership and way back, tells run and owner', async () => {
    const b = bench();
    const stored = await attached(b);
    assert.equal(await b.repairDrift(inputOf(stored)), true);
    const now = await b.records.attachment(stored.key);
    assert.ok(stored.value.kind === 'vxlan');
    const { link, vtep, generation } = stored.value;
    const lastGood = { link, vtep };
    assert.deepEqual(now?.value, { ...stored.value, phase: 'intent', generation: generation + 1, lastGood });
    assert.equal((await b.records.members(stored.value.network)).length, 1);
    assert.deepEqual(b.signals, [stored.value.podUid]);
    assert.deepEqual(
      b.events.map(({ type, reason }) => [type, reason]),
      [['Warning', 'NetworkDrifted']],
    );
    assert.match(
      b.events[0]?.message ?? '',
      /^red of network .*: the link is gone; it is set right again, with the same MAC address$/,
    );
  });

  it('does nothing to a record that was written since it was looked at', async () => {
    const b = bench();
    const stored = await attached(b);
    const removing = await b.records.beginRemoval(stored);
    assert.equal(await b.repairDrift(inputOf(stored)), false);
    assert.deepEqual(await b.records.attachment(stored.key), removing);
    assert.deepEqual([b.signals, b.events], [[], []]);
  });

  it('goes on where an attempt before it failed', async () => {
    const b = bench({ apiFails: 1 });
    const stored = await attached(b);
    await assert.rejects(b.repairDrift(inputOf(stored)), { code: 'ApiUnavailable' });
    assert.equal(await b.repairDrift(inputOf(stored)), true);
    assert.equal((await b.records.attachment(stored.key))?.value.generation, stored.value.generation + 1);
    assert.equal(b.events.length, 1);
  });
});

/** A pod with a CNI interface, attached; its network has a definition or not. */
async function withCni(b: ReturnType<typeof bench>) {
  numbers += 1;
  const uid = `cni-${numbers}`;
  const definition = { kind: 'nad' as const, namespace: uid, name: 'green' };
  b.pods.pods.set(`${uid}/web`, {
    ...{ uid, namespace: uid, name: 'web', nodeName: 'n1', hostNetwork: false, phaseClass: 'counts', deleting: false },
    ...{ podIPs: ['10.0.0.9'], labels: {}, publishedStatus: undefined },
    annotations: { [NPWG_NETWORKS_ANNOTATION]: 'green' },
  });
  const cni = { kind: 'cni' as const, interfaceName: 'net1', capabilityArgs: {}, args: [], defaultRoute: [] };
  const outcome = await b.records.recordIntent(cniIntent(uid, { cni }));
  assert.ok(outcome.kind === 'recorded');
  assert.ok(await b.records.recordResult(outcome.stored, RESULT, undefined));
  return {
    uid,
    define: () =>
      b.pods.definitions.set(definitionKey(definition), {
        ...{ ...definition, uid: 'nad-green', plugin: '' },
        config: '{"cniVersion":"1.0.0","name":"green","type":"bridge"}',
      }),
    now: async () => (await b.records.attachment(outcome.stored.key)) ?? assert.fail('no record'),
    status: () =>
      JSON.parse(b.pods.pods.get(`${uid}/web`)?.publishedStatus ?? '[]') as { state: string; code?: string }[],
  };
}

describe('the event of drift', () => {
  it('is another one when the interface is detached and attached again, though generations begin again', async () => {
    const b = bench();
    const stored = await attached(b);
    await b.repairDrift(inputOf(stored));
    const begun = (await b.records.attachment(stored.key)) ?? assert.fail('no record');
    const removing = (await b.records.beginRemoval(begun)) ?? assert.fail('not removing');
    assert.ok(await b.records.forget(removing));
    const record = { ...stored.value, phase: 'intent' as const };
    const outcome = await b.records.recordIntent(record);
    assert.ok(outcome.kind === 'recorded');
    assert.ok(await b.records.recordResult(outcome.stored, RESULT, undefined));
    const again = (await b.records.attachment(stored.key)) ?? assert.fail('no record');
    assert.equal(again.value.generation, stored.value.generation);
    await b.repairDrift(inputOf(again));
    assert.equal(new Set(b.events.map(({ key }) => key)).size, 2);
  });
});

describe('drift of a network that cannot be made as things are', () => {
  it('begins nothing and is told, until its definition is back and it is made anew', async () => {
    const b = bench();
    const pod = await withCni(b);
    const stored = await pod.now();
    assert.equal(await b.repairDrift(inputOf(stored)), 'kept');
    assert.equal(await b.repairDrift(inputOf(stored)), 'kept');
    assert.deepEqual(await pod.now(), stored);
    assert.deepEqual(b.signals, []);
    assert.equal(new Set(b.events.map(({ key }) => key)).size, 1);
    assert.match(
      b.events[0]?.message ?? '',
      /^net1 .*the link is gone; it stays as it is.*the next sweep makes it anew$/,
    );

    pod.define();
    assert.equal(await b.repairDrift(inputOf(stored)), true);
    assert.equal((await pod.now()).value.phase, 'intent');
    assert.deepEqual(b.signals, [pod.uid]);
    assert.notEqual(b.events.at(-1)?.key, b.events[0]?.key);
  });

  it('goes on with what was begun before the definition went', async () => {
    const b = bench();
    const pod = await withCni(b);
    const stored = await pod.now();
    assert.ok(await b.records.beginRepair(stored));
    assert.equal(await b.repairDrift(inputOf(stored)), true);
  });
});

describe('drift that remains', () => {
  it('is said by one event and by the status, until it is over', async () => {
    const b = bench();
    const pod = await withCni(b);
    pod.define();
    const input = { ...inputOf(await pod.now()), why: 'MTU 1300 instead of 1450 (made anew 3 times)' };
    for (let time = 0; time < 2; time += 1) assert.equal(await b.tellDriftRemains(input), true);
    assert.equal(new Set(b.events.map(({ key }) => key)).size, 1);
    assert.deepEqual([b.events[0]?.type, b.events[0]?.reason], ['Warning', 'NetworkDriftRemains']);
    assert.match(
      b.events[0]?.message ?? '',
      /^net1 of network .*MTU 1300 instead of 1450 \(made anew 3 times\); find out/,
    );
    assert.deepEqual(
      pod.status().map(({ state, code }) => [state, code]),
      [['Failing', 'DriftRemains']],
    );
    // It is attached, so nobody failed to attach it.
    assert.deepEqual(b.pods.eventsOf(pod.uid), []);

    assert.equal(await b.driftIsOver(input), true);
    assert.deepEqual(b.signals, [pod.uid]);
    assert.deepEqual((await b.records.pod(pod.uid, 'n1')).failures, []);
  });

  it('is not said of a record that was written since', async () => {
    const b = bench();
    const pod = await withCni(b);
    const stored = await pod.now();
    await b.records.beginRepair(stored);
    assert.equal(await b.tellDriftRemains({ ...inputOf(stored), why: 'x' }), false);
    assert.deepEqual(b.events, []);
  });

  it('is over without taking back why a step fails', async () => {
    const b = bench();
    const pod = await withCni(b);
    const failure = { v: 1, interfaceName: 'net1', generation: 1, code: 'CniFailed', message: 'no' };
    await b.records.putFailure(pod.uid, failure);
    await b.driftIsOver(inputOf(await pod.now()));
    assert.deepEqual((await b.records.pod(pod.uid, 'n1')).failures, [failure]);
  });
});

describe('a pod that nobody seems to work on', () => {
  const pod = { uid: 'u', namespace: 'a', name: 'b', reason: 'test' };

  it('gets a run', async () => {
    const b = bench();
    assert.equal(await b.wakeIdlePod(pod), true);
    assert.deepEqual(b.signals, ['u']);
  });

  it('is left in peace when it has one, so that its back-off is not cut short', async () => {
    const b = bench({ open: true });
    assert.equal(await b.wakeIdlePod(pod), false);
    assert.deepEqual(b.signals, []);
  });
});
