/** Records of both kinds, and of both releases, side by side on a real etcd. */
import assert from 'node:assert/strict';
import { before as prepare, describe, it } from 'node:test';
import type { Etcd } from '../../adapters/etcd/client.ts';
import { createNodeStore } from '../../adapters/etcd/node-store.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import type { PodwireError } from '../../domain/failures.ts';
import * as keys from '../../domain/keys.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import type { AttachmentRecord, Stored, VxlanAttachmentRecord } from '../../domain/records.ts';
import { etcdForTests } from './etcd-for-tests.ts';
import { cniIntent, intent, memberOf, RESULT } from './some-records.ts';

describe('records', () => {
  const real = etcdForTests();
  let etcd: Etcd;
  let store: RecordStore;
  prepare(() => {
    etcd = real.etcd;
    store = createRecordStore(etcd);
  });

  let numbers = 0;
  const unique = (): { uid: string; vni: number } => ({ uid: `pod-${(numbers += 1)}`, vni: 1_000 + numbers });

  async function recorded(record: AttachmentRecord): Promise<Stored<AttachmentRecord>> {
    const outcome = await store.recordIntent(record);
    assert.ok(outcome.kind === 'recorded', outcome.kind);
    return outcome.stored;
  }

  async function attached(record: VxlanAttachmentRecord): Promise<Stored<AttachmentRecord>> {
    const stored = await recorded(record);
    assert.ok(await store.recordResult(stored, RESULT, memberOf(record)));
    return (await store.attachment(stored.key)) ?? assert.fail('no record');
  }

  async function removed(key: string): Promise<void> {
    const stored = await store.attachment(key);
    const removing = stored === undefined ? undefined : await store.beginRemoval(stored);
    assert.ok(removing !== undefined && (await store.forget(removing)));
  }

  it('of a CNI attachment leave no key behind: intent, result, removal, end', async () => {
    const { uid } = unique();
    const before = await etcd.keys('/podwire');
    const record = cniIntent(uid);
    const stored = await recorded(record);
    assert.deepEqual(await store.attachment(stored.key), stored);
    await store.putFailure(uid, { v: 1, interfaceName: 'net1', generation: 1, code: 'CniFailed', message: 'no' });
    assert.ok(await store.recordResult(stored, RESULT, undefined));
    await createNodeStore(etcd).putCniResult(record, { v: 1, generation: 1, text: '{}' });
    const added = (await etcd.keys('/podwire')).filter((key) => !before.includes(key));
    const result = keys.cniResultKey(record);
    const identities = [
      `networks/${uid}/green/address/10.1.0.1`,
      `networks/${uid}/green/mac/02:00:00:00:00:05`,
      'nodes/n1/tcp/any/8080',
    ].map(keys.identityKey);
    assert.deepEqual(added.sort(), [stored.key, result, keys.podNodeKey(uid, 'n1'), ...identities].sort());
    const attachment = await store.attachment(stored.key);
    assert.ok(attachment !== undefined);
    assert.deepEqual(attachment.value, { ...record, phase: 'attached', result: RESULT });
    const removing = await store.beginRemoval(attachment);
    assert.ok(removing !== undefined);
    assert.equal(removing.value.generation, 2);
    assert.equal((await createNodeStore(etcd).readCniResult(record))?.text, '{}');
    assert.ok(await store.forget(removing));
    assert.deepEqual(await etcd.keys('/podwire'), before);
  });

  it('of a CNI attachment go without those of the VXLAN link beside it, and the other way round', async () => {
    const { uid, vni } = unique();
    const before = await etcd.keys('/podwire');
    const vxlan = intent(uid, vni);
    const cni = cniIntent(uid, { network: vxlan.network });
    const link = await attached(vxlan);
    const withLink = await etcd.keys('/podwire');
    await removed((await recorded(cni)).key);
    assert.deepEqual(await etcd.keys('/podwire'), withLink);
    const { key } = await recorded(cni);
    await removed(link.key);
    assert.deepEqual(
      (await store.pod(uid, '')).attachments.map((one) => one.key),
      [key],
    );
    await removed(key);
    assert.deepEqual(await etcd.keys('/podwire'), before);
  });

  it('of two sandboxes of a pod: the old one gives back what the new one has not', async () => {
    const { uid } = unique();
    const before = await etcd.keys('/podwire');
    const old = await recorded(cniIntent(uid));
    assert.ok(await store.recordResult(old, { ...RESULT, addresses: ['10.1.0.1/24', '10.1.0.2/24'] }, undefined));
    const next = await recorded(cniIntent(uid, { sandboxId: 'next' }));
    assert.ok(await store.recordResult(next, { ...RESULT, addresses: ['10.1.0.2/24', '10.1.0.3/24'] }, undefined));
    await removed(old.key);
    const addresses = (await etcd.keys(keys.identityKey(`networks/${uid}`))).filter((key) => key.includes('/address/'));
    assert.deepEqual(
      addresses.map((key) => key.split('/').at(-1)),
      ['10.1.0.2', '10.1.0.3'],
    );
    await removed(next.key);
    assert.deepEqual(await etcd.keys('/podwire'), before);
  });

  it('of two sandboxes of a pod on a VXLAN network: the address of the new one stays reserved, others are free', async () => {
    const { uid, vni } = unique();
    const before = await etcd.keys('/podwire');
    const link = (addresses: string[]): Partial<VxlanAttachmentRecord> => ({
      link: { ...intent(uid, vni).link, addresses },
    });
    const old = await attached(intent(uid, vni, link(['10.5.0.1/24', '10.5.0.2/24'])));
    const next = await attached(intent(uid, vni, { sandboxId: 'next', ...link(['10.5.0.2/24']) }));
    const reserved = async (): Promise<(string | undefined)[]> =>
      (await etcd.keys(keys.addressKey(old.value.network, ''))).map((key) => key.split('/').at(-1));
    await removed(old.key);
    assert.deepEqual(await reserved(), ['10.5.0.2']);
    await removed(next.key);
    assert.deepEqual(await etcd.keys('/podwire'), before);
  });

  it('of a CNI attachment are entombed with what their DEL needs', async () => {
    const { uid } = unique();
    const before = await etcd.keys('/podwire');
    const { network, dialect, cni } = cniIntent(uid);
    const madeWith = {
      network,
      dialect,
      cni,
      configText: '{ "cniVersion": "1.0.0", "type": "ptp" }',
      definitionUid: 'earlier',
    };
    const record = cniIntent(uid, { result: RESULT, madeWith });
    assert.ok(await store.entomb(await recorded(record)));
    const nodeStore = createNodeStore(etcd);
    const tombstone = (await nodeStore.listTombstones('n1')).find(({ value }) => value.podUid === uid);
    assert.ok(tombstone !== undefined);
    assert.deepEqual(tombstone.value, record);
    await nodeStore.removeTombstone(tombstone);
    assert.deepEqual(await etcd.keys('/podwire'), before);
  });

  it('of attachments that are not understood are named, with the field, whatever their kind', async () => {
    const { uid, vni } = unique();
    const broken = [
      [{ ...intent(uid, vni), vtep: 7 }, 'field vtep:'],
      [{ ...intent(uid, vni), link: {} }, 'field link.'],
      [{ ...intent(uid, vni), interfaceName: undefined }, 'field interfaceName:'],
      [{ ...intent(uid, vni), v: 2 }, 'version 2 is that of a newer podwire'],
      [{ ...intent(uid, vni), v: undefined }, 'field v:'],
      [{ ...cniIntent(uid), configText: undefined }, 'field configText:'],
      [{ ...cniIntent(uid), kind: 'other' }, 'field kind:'],
      ['text', 'field'],
    ] as const;
    const key = keys.attachmentKey(cniIntent(uid));
    for (const [value, field] of broken) {
      await etcd.transact([], [{ put: key, value: JSON.stringify(value) }]);
      await assert.rejects(
        store.attachment(key),
        (error: PodwireError) => error.code === 'RecordInvalid' && error.message.includes(`${key}: ${field}`),
        field,
      );
    }
    await etcd.transact([], [{ remove: key }]);
  });
});
