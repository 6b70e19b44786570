/** The records' transactions on a real etcd, and on the in-memory one of the workflow tests: both must behave the same. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createEtcd, type Condition, type Etcd, type Operation } from '../../adapters/etcd/client.ts';
import { createNodeStore } from '../../adapters/etcd/node-store.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import type { PodwireError } from '../../domain/failures.ts';
import * as keys from '../../domain/keys.ts';
import type { NodeStore } from '../../domain/ports/node-store.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import {
  RECORD_VERSION,
  type AttachmentRecord,
  type Stored,
  type VxlanAttachmentRecord,
} from '../../domain/records.ts';
import { promised, untilAsked } from '../workflows/limits.ts';
import { MemoryEtcd } from '../workflows/memory-etcd.ts';
import { makeWhole } from './whole-store.ts';
import { startEtcd, type EtcdServer } from './etcd-server.ts';
import { intent, memberOf, RESULT, MARK } from './some-records.ts';

const DEADLINE_MS = 500;
let server: EtcdServer;
let real: Etcd;
before(async () => {
  server = await startEtcd();
  real = createEtcd({ endpoints: [server.endpoint], timeoutMs: 5_000 });
});
after(async () => {
  real.close();
  await server.stop();
});
let numbers = 0;
const unique = (): { uid: string; vni: number } => ({ uid: `pod-${(numbers += 1)}`, vni: 1_000 + numbers });

async function recorded(store: RecordStore, record: AttachmentRecord): Promise<Stored<AttachmentRecord>> {
  const outcome = await store.recordIntent(record);
  assert.ok(outcome.kind === 'recorded', outcome.kind);
  return outcome.stored;
}

async function attached(store: RecordStore, record: VxlanAttachmentRecord): Promise<Stored<AttachmentRecord>> {
  const stored = await recorded(store, record);
  assert.ok(await store.recordResult(stored, RESULT, memberOf(record)));
  const now = await store.attachment(stored.key);
  assert.ok(now !== undefined);
  return now;
}

async function removed(store: RecordStore, record: VxlanAttachmentRecord): Promise<Stored<AttachmentRecord>> {
  const removing = await store.beginRemoval(await attached(store, record));
  assert.ok(removing !== undefined);
  return removing;
}

/** The same etcd, with something done right before the next transaction: what a second writer does in between. */
function interrupted(etcd: Etcd, inBetween: () => Promise<unknown>): Etcd {
  let done = false;
  return {
    ...{ get: (key) => etcd.get(key), list: (prefix) => etcd.list(prefix), keys: (prefix) => etcd.keys(prefix) },
    ...{ read: (asks) => etcd.read(asks), removeAndRead: (key, asks) => etcd.removeAndRead(key, asks) },
    transact: async (conditions: readonly Condition[], operations: readonly Operation[]) => {
      if (!done) {
        done = true;
        await inBetween();
      }
      return etcd.transact(conditions, operations);
    },
    close: () => undefined,
  };
}

for (const [name, etcdOf] of [
  ['the real etcd', () => real],
  ['the in-memory etcd of the workflow tests', () => memory],
] as const) {
  describe(`records in ${name}`, () => {
    let etcd: Etcd;
    let store: RecordStore;
    let nodes: NodeStore;
    const isFree = async (vni: number): Promise<boolean> => (await store.tunnelOwner(`8472/${vni}`)) === undefined;
    before(async () => {
      await makeWhole((etcd = etcdOf()));
      store = createRecordStore(etcd);
      nodes = createNodeStore(etcd);
    });

    it('are read together with the end of the mark, whether there is one or not', async () => {
      const { uid, vni } = unique();
      const stored = await recorded(store, intent(uid, vni));
      for (const pod of [uid, `${uid}-other`]) await store.putConverged(pod, MARK);
      for (const mark of [MARK, undefined]) {
        assert.deepEqual((await nodes.readConverged([uid])).get(uid), mark);
        const read = await store.podUnmarked(uid, stored.value.node);
        assert.deepEqual([read, read.attachments], [await store.pod(uid, stored.value.node), [stored]]);
        assert.deepEqual([...(await nodes.readConverged([uid, `${uid}-other`]))], [[`${uid}-other`, MARK]]);
      }
    });

    it('have an intent that is created once; a second creator is told of the race', async () => {
      const { uid, vni } = unique();
      const stored = await recorded(store, intent(uid, vni));
      assert.equal((await store.attachment(stored.key))?.modRevision, stored.modRevision);
      assert.deepEqual(await store.recordIntent(intent(uid, vni)), { kind: 'raced' });
      const next = intent(uid, vni, { generation: 2 });
      assert.equal((await store.recordIntent(next, stored)).kind, 'recorded');
      assert.deepEqual(await store.recordIntent(next, stored), { kind: 'raced' });
    });

    it('let one of two intents win that are written at once', async () => {
      const { uid, vni } = unique();
      const outcomes = await Promise.all([1, 2, 3, 4].map(() => store.recordIntent(intent(uid, vni))));
      assert.deepEqual(outcomes.map(({ kind }) => kind).sort(), ['raced', 'raced', 'raced', 'recorded']);
    });

    it('give a VNI to one network, also when two ask for it at once', async () => {
      const { uid, vni } = unique();
      await recorded(store, intent(uid, vni));
      const other = unique();
      assert.deepEqual(await store.recordIntent(intent(other.uid, vni)), {
        kind: 'vni-taken',
        tunnel: `8472/${vni}`,
        owner: `${uid}/red`,
      });
      const [a, b, free] = [unique(), unique(), unique()];
      const both = await Promise.all([a, b].map((one) => store.recordIntent(intent(one.uid, free.vni))));
      assert.equal(both.filter(({ kind }) => kind === 'recorded').length, 1);
    });

    it('keep one VNI for a network that only pods name, and follow the declaration of a declared one', async () => {
      const [a, b] = [unique(), unique()];
      const inline = { network: { scope: 'shared', name: a.uid } };
      await recorded(store, intent(a.uid, a.vni, inline));
      const fixed = { kind: 'vni-fixed', tunnel: `8472/${b.vni}`, inUse: `8472/${a.vni}` };
      assert.deepEqual(await store.recordIntent(intent(b.uid, b.vni, inline)), fixed);
      const declared = { network: { scope: 'cluster', name: b.uid } };
      const [c, d] = [unique(), unique()];
      await recorded(store, intent(c.uid, c.vni, declared));
      assert.equal((await store.recordIntent(intent(d.uid, d.vni, declared))).kind, 'recorded');
    });

    it('hold the old VNI of a link that is being swapped until the new one is read back, or removed', async () => {
      const [a, b] = [unique(), unique()];
      const network = { scope: 'cluster', name: a.uid };
      const [first, second] = [intent(a.uid, a.vni, { network }), intent(b.uid, a.vni, { network })];
      const [one, other] = [await attached(store, first), await attached(store, second)];
      const moved = (record: VxlanAttachmentRecord): VxlanAttachmentRecord => ({
        ...{ ...record, generation: 2, replaces: [`8472/${a.vni}`] },
        link: { ...record.link, vni: b.vni },
      });
      const swapping = [await store.recordIntent(moved(first), one), await store.recordIntent(moved(second), other)];
      const [left, right] = swapping.map((outcome) => (outcome.kind === 'recorded' ? outcome.stored : undefined));
      assert.ok(left && right);
      assert.equal(await isFree(a.vni), false);
      assert.ok(await store.recordResult(left, RESULT, memberOf(first)));
      assert.equal(await isFree(a.vni), false, 'the other one still has it');
      const removing = await store.beginRemoval(right);
      assert.ok(removing && (await store.forget(removing)));
      assert.equal(await isFree(a.vni), true);
      assert.equal(await isFree(b.vni), false);
      assert.deepEqual(await etcd.keys(keys.usersPrefix(network)), [keys.userKey(network, a.uid, 'red')]);
      const swapped = (await store.attachment(left.key))?.value;
      assert.ok(swapped?.kind === 'vxlan' && swapped.replaces === undefined);
    });

    it('go back to what was attached before an edit, hold both ids until that is read back, and free the one of the edit', async () => {
      const [a, b] = [unique(), unique()];
      const record = intent(a.uid, a.vni);
      const before = await attached(store, record);
      const edit = await store.recordIntent(
        {
          ...{ ...record, generation: 2, result: RESULT, replaces: [`8472/${a.vni}`] },
          link: { ...record.link, vni: b.vni },
          lastGood: { link: record.link, vtep: record.vtep },
        },
        before,
      );
      assert.ok(edit.kind === 'recorded');
      const back = await store.takeBackIntent(edit.stored);
      assert.ok(back?.value.kind === 'vxlan');
      assert.deepEqual([back.value.link, back.value.generation, back.value.phase], [record.link, 3, 'intent']);
      assert.deepEqual(await store.attachment(back.key), back);
      assert.equal(await store.takeBackIntent(edit.stored), undefined, 'that record is another one by now');
      for (const vni of [a.vni, b.vni]) assert.equal(await isFree(vni), false);
      assert.equal((await store.members(record.network)).length, 1);
      assert.ok(await store.recordResult(back, RESULT, memberOf(record)));
      assert.equal(await isFree(a.vni), false);
      assert.equal(await isFree(b.vni), true);
      assert.deepEqual(await etcd.keys(keys.usersPrefix(record.network)), [keys.userKey(record.network, a.uid, 'red')]);
      assert.deepEqual((await store.attachment(back.key))?.value, { ...before.value, generation: 3 });
    });

    it('have nothing to go back to from a first attach, or once it is attached or being removed', async () => {
      const [a, b, c] = [unique(), unique(), unique()];
      assert.equal(await store.takeBackIntent(await recorded(store, intent(a.uid, a.vni))), undefined);
      assert.equal(await store.takeBackIntent(await attached(store, intent(b.uid, b.vni))), undefined);
      assert.equal(await store.takeBackIntent(await removed(store, intent(c.uid, c.vni))), undefined);
    });

    it('take a result for the very write it was made for, and no other', async () => {
      const { uid, vni } = unique();
      const record = intent(uid, vni);
      const stored = await recorded(store, record);
      const newer = await store.recordIntent({ ...record, generation: 2 }, stored);
      assert.equal(newer.kind, 'recorded');
      assert.equal(await store.recordResult(stored, RESULT, memberOf(record)), undefined);
      assert.deepEqual(await store.members(record.network), []);
    });

    it('make a member with the result, and none with the removal', async () => {
      const { uid, vni } = unique();
      const record = intent(uid, vni);
      await store.putFailure(uid, { v: RECORD_VERSION, interfaceName: 'red', generation: 1, code: 'x', message: 'y' });
      const stored = await attached(store, record);
      assert.deepEqual((await store.pod(uid, '')).failures, []);
      assert.deepEqual(await store.members(record.network), [{ ...memberOf(record), podUid: uid }]);
      const removing = await store.beginRemoval(stored);
      assert.equal(removing?.value.generation, 2);
      assert.deepEqual(await store.members(record.network), []);
      assert.equal(await store.beginRemoval(stored), undefined);
    });

    it('remove the membership of the sandbox that goes, not that of the one that came', async () => {
      const { uid, vni } = unique();
      const old = await attached(store, intent(uid, vni));
      await attached(store, intent(uid, vni, { sandboxId: 'second' }));
      assert.ok(await store.beginRemoval(old));
      assert.deepEqual(
        (await store.members(old.value.network)).map(({ sandboxId }) => sandboxId),
        ['second'],
      );
    });

    it('are gone with everything that pointed at them when they are forgotten', async () => {
      const { uid, vni } = unique();
      const removing = await removed(store, intent(uid, vni));
      assert.equal(await store.forget({ ...removing, modRevision: '1' }), false);
      assert.ok(await store.forget(removing));
      assert.ok(await isFree(vni));
      assert.deepEqual(
        (await etcd.keys('/podwire/')).filter((key) => key.includes(uid)),
        [],
      );
      assert.equal(await etcd.get(keys.vniKey(8472, vni)), undefined);
    });

    it('keep what points at them while another record of the pod needs it', async () => {
      const { uid, vni } = unique();
      const removing = await removed(store, intent(uid, vni));
      const second = await attached(store, intent(uid, vni, { sandboxId: 'second' }));
      assert.ok(await store.forget(removing));
      assert.deepEqual(
        (await store.pod(uid, '')).attachments.map(({ key }) => key),
        [second.key],
      );
      assert.equal((await etcd.keys(keys.usersPrefix(removing.value.network))).length, 1);
      assert.equal(await isFree(vni), false);
    });

    it('keep what points at them when an intent comes in while they are forgotten', async () => {
      const { uid, vni } = unique();
      const removing = await removed(store, intent(uid, vni));
      const racing = createRecordStore(
        interrupted(etcd, () => store.recordIntent(intent(uid, vni, { sandboxId: 'second' }))),
      );
      assert.equal(await racing.forget(removing), false);
      assert.equal((await store.pod(uid, '')).attachments.length, 2);
    });

    it('keep a VNI when another pod of the network comes while the last one goes', async () => {
      const { uid, vni } = unique();
      const removing = await removed(store, intent(uid, vni));
      const comes = intent(uid, vni, { podUid: `${uid}-2` });
      const racing = createRecordStore(interrupted(etcd, () => store.recordIntent(comes)));
      assert.equal(await racing.forget(removing), false);
      assert.equal((await etcd.get(keys.vniKey(8472, vni)))?.value, `${uid}/red`);
      assert.ok(await racing.forget(removing));
      assert.equal(await isFree(vni), false);
    });

    it('free their VNI also when its last two users go at once', async () => {
      const { uid, vni } = unique();
      const one = await removed(store, intent(uid, vni));
      const two = await removed(store, intent(uid, vni, { podUid: `${uid}-2` }));
      const racing = createRecordStore(interrupted(etcd, () => store.forget(two)));
      assert.ok(await racing.forget(one));
      assert.ok(await isFree(vni));
    });

    it("tell who was refused a VNI that is free now, or their own network's, until they are tried again", async () => {
      const { uid, vni } = unique();
      const tunnel = `8472/${vni}`;
      const network = { scope: uid, name: 'red' };
      const freed = { network, tunnels: [tunnel], addresses: [] };
      const refusal = {
        ...{ v: RECORD_VERSION, namespace: uid, name: 'web', inputsHash: 'x', network },
        ...{ interfaceName: 'red', code: 'VniTaken', message: 'taken' },
      };
      const outdated = async () => (await store.outdatedRefusals(freed)).map((pod) => pod.uid);
      const owner = await removed(store, intent(`${uid}-owner`, vni));
      await store.putRefusal(uid, { ...refusal, waitsForVni: tunnel });
      await store.putRefusal(uid, { ...refusal, interfaceName: 'blue' });
      await etcd.transact([], [{ put: keys.refusalKey(uid, 'unreadable'), value: '{"v":1}' }]);
      assert.deepEqual(await outdated(), [], 'the other network still has it');
      assert.ok(await store.forget(owner));
      const reason = `VNI ${vni} is free again`;
      assert.deepEqual(await store.outdatedRefusals(freed), [{ uid, namespace: uid, name: 'web', reason }]);
      assert.deepEqual(await outdated(), [uid], 'told once more: nothing says that the pod was woken');
      assert.ok((await store.outdatedRefusals()).some((pod) => pod.uid === uid));
      assert.deepEqual(await store.outdatedRefusals({ ...freed, tunnels: ['8472/1'] }), []);
      await recorded(store, intent(`${uid}-sibling`, vni, { network }));
      assert.deepEqual(await outdated(), [uid], 'its own network has it');
      await etcd.transact([], [{ remove: keys.refusalKey(uid, 'unreadable') }]);
      const read = (await store.pod(uid, '')).refusals.find(({ interfaceName }) => interfaceName === 'red');
      assert.ok(read);
      await store.putRefusal(uid, { ...refusal, waitsForVni: tunnel });
      await store.deleteRefusal(uid, read);
      assert.deepEqual(await outdated(), [uid], 'it was written anew since it was read');
      const again = (await store.pod(uid, '')).refusals.find(({ interfaceName }) => interfaceName === 'red');
      assert.ok(again);
      await store.deleteRefusal(uid, again);
      assert.deepEqual(await outdated(), []);
      assert.deepEqual(
        (await store.pod(uid, '')).refusals.map(({ interfaceName }) => interfaceName),
        ['blue'],
      );
      await store.deleteRefusals(uid);
      assert.deepEqual((await store.pod(uid, '')).refusals, []);
    });

    it('become tombstones of their node, out of the way of everything else', async () => {
      const { uid, vni } = unique();
      const removing = await removed(store, intent(uid, vni));
      assert.ok(await store.entomb(removing));
      assert.equal(await store.entomb(removing), false);
      assert.deepEqual((await store.pod(uid, '')).attachments, []);
      assert.equal((await etcd.keys(keys.tombstonesPrefix('n1'))).filter((key) => key.includes(uid)).length, 1);
      assert.ok(await isFree(vni));
    });

    it('of one interface are entombed without losing those of another', async () => {
      const { uid, vni } = unique();
      const removing = await removed(store, intent(uid, vni));
      const blue = unique();
      const { link } = intent(uid, blue.vni);
      const network = { scope: uid, name: 'blue' };
      const named = { network, interfaceName: 'blue', link: { ...link, interfaceName: 'blue' } };
      const other = await attached(store, intent(uid, blue.vni, named));
      assert.ok(await store.entomb(removing));
      assert.deepEqual(
        (await store.pod(uid, '')).attachments.map(({ key }) => key),
        [other.key],
      );
    });

    it('that are not understood are named, with the field', async () => {
      const { uid } = unique();
      await etcd.transact([], [{ put: keys.convergedKey(uid), value: '{"v":1}' }]);
      await assert.rejects(
        nodes.readConverged([uid]),
        (error: PodwireError) =>
          error.code === 'RecordInvalid' && error.message.includes(`${keys.convergedKey(uid)}: field`),
      );
    });
  });
}
const memory = new MemoryEtcd();

describe('an etcd that stands still', () => {
  it('fails each call within its deadline as EtcdUnavailable, and serves again when it goes on', async () => {
    const impatient = createEtcd({ endpoints: [server.endpoint], timeoutMs: DEADLINE_MS });
    const store = createRecordStore(impatient);
    const { uid, vni } = unique();
    await recorded(store, intent(uid, vni));
    server.freeze();
    try {
      for (const call of [() => store.pod(uid, ''), () => store.podUnmarked(uid, ''), () => impatient.keys('/')]) {
        const started = performance.now();
        await assert.rejects(call(), (error: PodwireError) => error.code === 'EtcdUnavailable');
        const ms = performance.now() - started;
        assert.ok(ms < promised(DEADLINE_MS + 500), `after ${Math.round(ms)} ms`);
      }
    } finally {
      server.thaw();
    }
    await untilAsked(
      'etcd serves again',
      () =>
        store.pod(uid, '').then(
          ({ attachments }) => attachments.length === 1,
          () => false,
        ),
      promised(3_000),
    );
    impatient.close();
  });
});
