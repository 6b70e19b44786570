/** Two writers of one attachment record, on a real etcd: the one that comes second neither loses what works nor takes it for gone. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { ControlSteps, RecordInput } from '../../activities/control/control-contract.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import type { AttachmentRecord, Stored, VxlanAttachmentRecord } from '../../domain/records.ts';
import { FakeCluster } from '../workflows/fake-cluster.ts';
import { controlOver, inputOf, NO_SIGNALS } from './control-over.ts';
import { etcdForTests } from './etcd-for-tests.ts';
import { intent, RESULT } from './some-records.ts';

describe('an activity whose record somebody else writes as well', () => {
  const real = etcdForTests();
  const cluster = new FakeCluster();
  let records: RecordStore;
  let control: ControlSteps;
  before(() => {
    records = createRecordStore(real.etcd);
    control = controlOver(records, cluster, NO_SIGNALS);
  });

  let vni = 700;
  /** Of a pod of its own. */
  const asked = (): VxlanAttachmentRecord => intent(`raced-${(vni += 1)}`, vni);
  const written = async (record: VxlanAttachmentRecord, over?: Stored<AttachmentRecord>): Promise<RecordInput> => {
    const outcome = await records.recordIntent(record, over);
    assert.ok(outcome.kind === 'recorded', outcome.kind);
    return { ...inputOf(record), modRevision: outcome.stored.modRevision };
  };
  const attach = async (record: VxlanAttachmentRecord): Promise<RecordInput> => {
    const input = await written(record);
    assert.ok(await control.recordResult({ ...input, result: RESULT }));
    return input;
  };
  const recorded = async ({ podUid }: AttachmentRecord): Promise<readonly Stored<AttachmentRecord>[]> =>
    (await records.pod(podUid, '')).attachments;

  it('does not forget a later removal, whose link may still be there', async () => {
    const record = asked();
    const first = await control.beginRemoval(await attach(record));
    assert.ok(first !== undefined);
    const late = { ...inputOf(record), modRevision: first.modRevision, tellsMesh: true };
    await control.forgetAttachment(late);
    const second = await control.beginRemoval(await attach(record));
    assert.ok(second !== undefined);
    assert.equal(await control.forgetAttachment(late), false);
    assert.equal((await recorded(record)).length, 1);
    assert.ok(await control.forgetAttachment({ ...late, modRevision: second.modRevision }));
  });

  /** An orchestrator before whose writes of a record somebody else writes the same record, once. */
  const raced = (): ControlSteps => {
    let isFirst = true;
    const before = async (stored: Stored<AttachmentRecord>): Promise<void> => {
      if (isFirst) await real.etcd.transact([], [{ put: stored.key, value: JSON.stringify(stored.value) }]);
      isFirst = false;
    };
    const racing: RecordStore = {
      ...records,
      beginRemoval: async (stored) => (await before(stored), records.beginRemoval(stored)),
      takeBackIntent: async (stored) => (await before(stored), records.takeBackIntent(stored)),
    };
    return controlOver(racing, cluster, NO_SIGNALS);
  };

  it('begins a removal although somebody else has written the record in between', async () => {
    const token = await raced().beginRemoval(await attach(asked()));
    assert.equal(token?.generation, 2);
  });

  it('takes an edit back although somebody else has written the record in between', async () => {
    const record = asked();
    await attach(record);
    const [attached] = await recorded(record);
    assert.ok(attached?.value.kind === 'vxlan');
    const { link, vtep } = attached.value;
    const edited = { ...attached.value, phase: 'intent', generation: 2, lastGood: { link, vtep } } as const;
    const input = await written({ ...edited, link: { ...link, addresses: ['10.1.0.7/24'] } }, attached);
    const token = await raced().takeBackIntent({ ...input, modRevision: '' });
    assert.ok(token !== undefined, 'what worked would be removed');
    const back = (await recorded(record))[0]?.value;
    assert.deepEqual(back?.kind === 'vxlan' && back.link.addresses, link.addresses);
  });
});
