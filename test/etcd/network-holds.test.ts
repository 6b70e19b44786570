/** The VNIs of network objects, on a real etcd: each once, whoever asks at the same time, and free again when nobody needs it. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Etcd } from '../../adapters/etcd/client.ts';
import { createNetworkHolds, holdingObjects } from '../../adapters/etcd/network-holds.ts';
import * as keys from '../../domain/keys.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import { declaredNetwork } from '../../domain/network-objects/network-object.ts';
import type { NetworkObjectRef } from '../../domain/network-objects/status.ts';
import { networkKey } from '../../domain/network-selection.ts';
import type { NetworkHolds, Wanted } from '../../domain/ports/network-objects.ts';
import { etcdForTests } from './etcd-for-tests.ts';
import { intent } from './some-records.ts';

const FREE: Wanted = { port: 8472 };
const nothing = (): boolean => false;

describe('the VNI of a network object', () => {
  const real = etcdForTests();
  /** Two orchestrators. */
  let one: NetworkHolds;
  let other: NetworkHolds;
  let ports = 20_000;
  /** Ports tell the cases apart: a VNI is one network's at a time for each of them. */
  const port = (): Wanted => ({ port: (ports += 1) });
  before(() => {
    [one, other] = [holds(real.etcd), holds(real.etcd)];
  });

  const holds = (etcd: Etcd, first = 100, last = 999): NetworkHolds =>
    createNetworkHolds(etcd, { range: { first, last }, random: Math.random });
  let made = 0;
  const object = (name = `net${(made += 1)}`, uid = `uid-${(made += 1)}`): NetworkObjectRef => ({
    ...{ kind: 'cluster-network', namespace: '', name, uid },
  });
  const ownerOf = async (wanted: Wanted, vni: number): Promise<string | undefined> =>
    (await real.etcd.get(keys.vniKey(wanted.port, vni)))?.value;

  it('is the lowest that is free, and the same however often the object asks', async () => {
    const wanted = port();
    const [a, b] = [object(), object()];
    assert.deepEqual(await one.reserve(a, wanted, nothing), { kind: 'reserved', vni: 100 });
    assert.deepEqual(await other.reserve(b, wanted, (vni) => vni === 101), { kind: 'reserved', vni: 102 });
    assert.deepEqual(await other.reserve(a, wanted, nothing), { kind: 'reserved', vni: 100 });
    assert.equal(await ownerOf(wanted, 100), networkKey(declaredNetwork(a)));
    assert.equal((await one.use(declaredNetwork(a), a.uid)).tunnel, `${wanted.port}/100`);
    assert.deepEqual(await one.objectOf(declaredNetwork(a)), a);
    assert.deepEqual(await holdingObjects(real.etcd), [a, b]);
  });

  it('is given once when thirty objects ask two orchestrators at once, and all are free when the objects are gone', async () => {
    const wanted = port();
    const objects = Array.from({ length: 30 }, () => object());
    const ask = (ref: NetworkObjectRef, at: number): ReturnType<NetworkHolds['reserve']> =>
      (at % 2 === 0 ? one : other).reserve(ref, wanted, nothing).catch(() => ask(ref, at + 1));
    const found = await Promise.all(objects.flatMap((ref, at) => [ask(ref, at), ask(ref, at + 1)]));
    const vnis = found.map((each) => (each.kind === 'reserved' ? each.vni : assert.fail(each.kind)));
    assert.equal(new Set(vnis).size, 30);
    for (let at = 0; at < 60; at += 2) assert.equal(vnis[at], vnis[at + 1], 'both answers to one object are the same');
    await Promise.all(objects.flatMap((ref) => [one.release(ref), other.release(ref)]));
    assert.deepEqual(await real.etcd.keys(keys.tunnelKey(`${wanted.port}/`)), []);
    for (const ref of objects) assert.deepEqual(await real.etcd.keys(keys.usersPrefix(declaredNetwork(ref))), []);
  });

  it('survives a crash right after the transaction: nothing is given twice, nothing leaks', async () => {
    const wanted = port();
    const ref = object();
    const dying: Etcd = {
      ...real.etcd,
      transact: async (...transaction) => {
        await real.etcd.transact(...transaction);
        throw new Error('killed');
      },
    };
    await assert.rejects(holds(dying).reserve(ref, wanted, nothing), /killed/);
    assert.deepEqual(await one.reserve(ref, wanted, nothing), { kind: 'reserved', vni: 100 });
    await assert.rejects(holds(dying).release(ref), /killed/);
    assert.equal(await one.release(ref), undefined);
    assert.deepEqual(await real.etcd.keys(keys.tunnelKey(`${wanted.port}/`)), []);
  });

  it('that is given is reserved by the same key: another network has it, or its own members had it before', async () => {
    const wanted = { ...port(), given: 7 };
    const [a, b] = [object(), object()];
    await real.etcd.transact([], [{ put: keys.vniKey(wanted.port, 7), value: networkKey(declaredNetwork(a)) }]);
    const owner = networkKey(declaredNetwork(a));
    assert.deepEqual(await one.reserve(b, wanted, nothing), { kind: 'taken', vni: 7, owner });
    assert.deepEqual(await one.reserve(a, wanted, nothing), { kind: 'reserved', vni: 7 });
    await one.release(a);
    assert.deepEqual(await one.reserve(b, wanted, nothing), { kind: 'reserved', vni: 7 });
  });

  it('stays the network’s while the object or an attachment has it, and goes with the last of them', async () => {
    const store = createRecordStore(real.etcd);
    const ref = object();
    const attach = async (): Promise<() => Promise<boolean>> => {
      const record = intent(`pod-${(made += 1)}`, 100, { network: declaredNetwork(ref) });
      const outcome = await store.recordIntent(record);
      assert.ok(outcome.kind === 'recorded', outcome.kind);
      return async () => store.forget((await store.beginRemoval(outcome.stored)) ?? assert.fail());
    };
    assert.deepEqual(await one.reserve(ref, FREE, nothing), { kind: 'reserved', vni: 100 });
    const first = await attach();
    const { attached, members, pods } = await one.use(declaredNetwork(ref), ref.uid);
    assert.deepEqual([attached, members, pods], [1, 0, [`pod-${made}/web`]]);
    assert.ok(await first());
    assert.equal(await ownerOf(FREE, 100), networkKey(declaredNetwork(ref)), 'the object has it');
    const last = await attach();
    assert.equal(await one.release(ref), '8472/100');
    assert.equal(await ownerOf(FREE, 100), networkKey(declaredNetwork(ref)), 'the attachment has it');
    assert.ok(await last());
    assert.equal(await ownerOf(FREE, 100), undefined);
  });

  it('that it had is taken again while it is free, also before the store is whole; a new one waits for that', async () => {
    const wanted = port();
    const known = await real.etcd.get(keys.idsKnownKey());
    await real.etcd.transact([], [{ remove: keys.idsKnownKey() }]);
    try {
      assert.deepEqual(await one.reserve(object(), { ...wanted, had: 555 }, nothing), { kind: 'reserved', vni: 555 });
      await assert.rejects(one.reserve(object(), wanted, nothing), { code: 'StoreRebuilding' });
    } finally {
      await real.etcd.transact([], [{ put: keys.idsKnownKey(), value: known?.value ?? '' }]);
    }
    assert.deepEqual(await one.reserve(object(), { ...wanted, had: 555 }, nothing), { kind: 'reserved', vni: 100 });
  });

  it('passes from an object that is gone to a new one of its name', async () => {
    const wanted = port();
    const [first, second] = [object('again'), object('again')];
    await one.reserve(first, wanted, nothing);
    assert.equal((await one.use(declaredNetwork(second), second.uid)).tunnel, undefined);
    await one.reserve(second, { ...wanted, given: 300 }, nothing);
    assert.deepEqual(await real.etcd.keys(keys.tunnelKey(`${wanted.port}/`)), [keys.vniKey(wanted.port, 300)]);
    assert.equal(await one.release(first), undefined);
  });

  it('is refused when none of the range is free', async () => {
    const wanted = port();
    const few = holds(real.etcd, 5, 6);
    await few.reserve(object(), wanted, nothing);
    assert.deepEqual(await few.reserve(object(), wanted, (vni) => vni === 6), { kind: 'exhausted' });
  });

  it('is read together with whether all that is attached is recorded', async () => {
    const ref = object();
    const whole = await real.etcd.get(keys.wholeKey());
    assert.equal((await one.use(declaredNetwork(ref), ref.uid)).isWhole, true);
    await real.etcd.transact([], [{ remove: keys.wholeKey() }]);
    try {
      assert.equal((await one.use(declaredNetwork(ref), ref.uid)).isWhole, false);
    } finally {
      await real.etcd.transact([], [{ put: keys.wholeKey(), value: whole?.value ?? '' }]);
    }
  });

  it('is not given while podwire is out of the cluster, and that is what is said', async () => {
    await real.etcd.transact([], [{ put: keys.teardownKey(), value: '{"v":1,"since":"now"}' }]);
    try {
      const isSaid = { code: 'EtcdUnavailable', message: /podwire teardown/ };
      await assert.rejects(one.reserve(object(), FREE, nothing), isSaid);
    } finally {
      await real.etcd.transact([], [{ remove: keys.teardownKey() }]);
    }
  });
});
