/** Two writers of one attachment record, on a real etcd: the one that comes second neither loses what works nor takes it for gone. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { ControlSteps, IntentInput } from '../../activities/control/control-contract.ts';
import { createNodeStore } from '../../adapters/etcd/node-store.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import type { PodIdentity } from '../../domain/pod/pod-view.ts';
import type { AttachmentRecord, Stored } from '../../domain/records.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../domain/settings.ts';
import { FakeCluster } from '../workflows/fake-cluster.ts';
import { sandboxOf } from '../workflows/scripted-nodes.ts';
import { controlOver, intentOver, NO_SIGNALS } from './control-over.ts';
import { etcdForTests } from './etcd-for-tests.ts';
import { RESULT } from './some-records.ts';

const NODE = 'n1';

describe('an activity whose record somebody else writes as well', () => {
  const real = etcdForTests();
  const cluster = new FakeCluster();
  let records: RecordStore;
  let control: ControlSteps;
  before(() => {
    records = createRecordStore(real.etcd);
    control = controlOver(records, cluster, NO_SIGNALS);
  });

  const asks = ({ uid, namespace, name }: PodIdentity, address: string): void => {
    cluster.pods.set(`${namespace}/${name}`, {
      ...{ uid, namespace, name, nodeName: NODE, hostNetwork: false, phaseClass: 'counts', deleting: false },
      ...{ podIPs: ['10.0.0.9'], labels: { [DEFAULT_DIALECT_SETTINGS.selector]: 'true' }, publishedStatus: undefined },
      annotations: { [DEFAULT_DIALECT_SETTINGS.annotation]: `red id=${vni} ip=${address}` },
    });
  };
  let vni = 700;
  const podWith = async (): Promise<PodIdentity> => {
    const uid = `raced-${(vni += 1)}`;
    const pod = { uid, namespace: uid, name: 'web' };
    asks(pod, '10.1.0.1/24');
    await createNodeStore(real.etcd).putSandbox(NODE, sandboxOf({ ...pod, podUid: uid }, `${uid}-sandbox`));
    return pod;
  };
  const intentOf = async (pod: PodIdentity): Promise<IntentInput> => intentOver(pod, await control.observePod(pod));
  const attach = async (pod: PodIdentity): Promise<IntentInput & { modRevision: string }> => {
    const input = await intentOf(pod);
    const intent = await control.recordIntent(input);
    assert.ok(intent.kind === 'recorded');
    const { modRevision } = intent;
    assert.ok(await control.recordResult({ ...input, modRevision, result: RESULT }));
    return { ...input, modRevision };
  };

  it('does not forget a later removal, whose link may still be there', async () => {
    const pod = await podWith();
    const first = await control.beginRemoval(await attach(pod));
    assert.ok(first !== undefined);
    const late = { ...(await intentOf(pod)), modRevision: first.modRevision, tellsMesh: true };
    await control.forgetAttachment(late);
    const second = await control.beginRemoval(await attach(pod));
    assert.ok(second !== undefined);
    assert.equal(await control.forgetAttachment(late), false);
    assert.equal((await records.pod(pod.uid, '')).attachments.length, 1);
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
    const token = await raced().beginRemoval(await attach(await podWith()));
    assert.equal(token?.generation, 2);
  });

  it('takes an edit back although somebody else has written the record in between', async () => {
    const pod = await podWith();
    await attach(pod);
    asks(pod, '10.1.0.7/24');
    const input = await intentOf(pod);
    assert.equal((await control.recordIntent(input)).kind, 'recorded');
    const token = await raced().takeBackIntent({ ...input, modRevision: '' });
    assert.ok(token !== undefined, 'what worked would be removed');
    const record = (await records.pod(pod.uid, '')).attachments[0]?.value;
    assert.deepEqual(record?.kind === 'vxlan' && record.link.addresses, ['10.1.0.1/24']);
  });
});
