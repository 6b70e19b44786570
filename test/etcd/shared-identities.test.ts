/** Two pods of a CNI network with one address, MAC or host port, on a real etcd. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { ControlSteps } from '../../activities/control/control-contract.ts';
import type { Etcd } from '../../adapters/etcd/client.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import { attachmentKey, identityKey } from '../../domain/keys.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import type { CniAttachmentRecord, Stored } from '../../domain/records.ts';
import { FakeCluster } from '../workflows/fake-cluster.ts';
import { controlOver, inputOf, NO_SIGNALS } from './control-over.ts';
import { etcdForTests } from './etcd-for-tests.ts';
import { cniIntent, RESULT } from './some-records.ts';

describe('pods of a CNI network that have the same', () => {
  const real = etcdForTests();
  const cluster = new FakeCluster();
  let records: RecordStore;
  let control: ControlSteps;
  before(() => {
    records = createRecordStore(real.etcd);
    control = controlOver(records, cluster, NO_SIGNALS);
  });

  let numbers = 0;
  /** A pod of network `shop/green` on a node of its own that asks for nothing unless changed. */
  const intended = async (
    scope: string,
    capabilityArgs: CniAttachmentRecord['cni']['capabilityArgs'] = {},
    node = `node-${(numbers += 1)}`,
  ) => {
    const uid = `${scope}-${(numbers += 1)}`;
    await real.etcd.transact([], [{ put: `/podwire/store/restored/${node}`, value: '{"v":1}' }]);
    const plain = cniIntent(uid, { node, network: { scope, name: 'green' } });
    const record = { ...plain, cni: { ...plain.cni, capabilityArgs } };
    const outcome = await records.recordIntent(record);
    assert.ok(outcome.kind === 'recorded', outcome.kind);
    return { record, ...inputOf(record), modRevision: outcome.stored.modRevision };
  };
  /** The same, attached. */
  const attached = async (
    scope: string,
    addresses: readonly string[],
    capabilityArgs: CniAttachmentRecord['cni']['capabilityArgs'] = {},
    node = `node-${(numbers += 1)}`,
  ): Promise<CniAttachmentRecord> => {
    const { record, ...intent } = await intended(scope, capabilityArgs, node);
    const input = { ...intent, result: { ...RESULT, addresses } };
    assert.ok(await control.recordResult(input));
    // Nobody knows whether the answer of the first one arrived.
    assert.ok(await control.recordResult(input));
    return record;
  };
  const gone = async (record: CniAttachmentRecord): Promise<void> => {
    const input = { ...inputOf(record), modRevision: '' };
    await control.beginRemoval(input);
    assert.ok(await control.forgetAttachment({ ...input, modRevision: '', tellsMesh: false }));
  };
  const said = ({ podUid }: CniAttachmentRecord): string[] => cluster.eventsOf(podUid);

  it('address are told so, both, each with the name of the other', async () => {
    const first = await attached('address', ['10.1.0.7/24', 'fd00::7/64']);
    assert.deepEqual(said(first), []);
    const second = await attached('address', ['10.1.0.7/24']);
    assert.match(
      said(first).join(),
      new RegExp(`^NetworkWarning: net1: pod ${second.namespace}/web has address 10.1.0.7 as well;`),
    );
    assert.match(
      said(second).join(),
      new RegExp(`^NetworkWarning: net1: pod ${first.namespace}/web has address 10.1.0.7 as well;`),
    );
  });

  it('MAC are told so where it was asked for, and not where the kernel or a parent gave it', async () => {
    const mac = '02:00:00:00:00:09';
    const [first, second] = [await attached('mac', [], { mac }), await attached('mac', [], { mac })];
    assert.match(said(second).join(), /^NetworkWarning: net1: pod \S+ has MAC 02:00:00:00:00:09 as well;/);
    assert.equal(said(first).length, 1);
    const [third, fourth] = [await attached('mac', []), await attached('mac', [])];
    assert.deepEqual([...said(third), ...said(fourth)], []);
  });

  it('host port of one node are told so, whatever their networks', async () => {
    const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' as const }];
    const first = await attached('port', [], { portMappings }, 'one');
    const elsewhere = await attached('port', [], { portMappings }, 'two');
    const second = await attached('port-too', [], { portMappings }, 'one');
    assert.match(said(second).join(), /^NetworkWarning: net1: pod \S+ has host port 8080\/tcp as well;/);
    assert.equal(said(first).length, 1);
    assert.deepEqual(said(elsewhere), []);
  });

  it('address one after the other are not told anything, nor are those of other networks', async () => {
    const first = await attached('after', ['10.1.0.8/24']);
    await gone(first);
    const second = await attached('after', ['10.1.0.8/24']);
    const other = await attached('other', ['10.1.0.8/24']);
    assert.deepEqual([...said(first), ...said(second), ...said(other)], []);
    await gone(second);
    await gone(other);
    assert.deepEqual(await real.etcd.keys('/podwire/cni-identities/networks/after/'), []);
    assert.deepEqual(await real.etcd.keys('/podwire/cni-identities/networks/other/'), []);
  });

  it('address are found by one read for each attach', async () => {
    let reads = 0;
    const counting: Etcd = {
      ...real.etcd,
      read: (asks) => {
        reads += asks.some((ask) => 'key' in ask && ask.key.startsWith(identityKey(''))) ? 1 : 0;
        return real.etcd.read(asks);
      },
    };
    await attached('read-once', ['10.1.0.13/24']);
    const record = await intended('read-once');
    const result = { ...RESULT, addresses: ['10.1.0.13/24'] };
    const counted = controlOver(createRecordStore(counting), cluster, NO_SIGNALS);
    assert.ok(await counted.recordResult({ ...record, result }));
    assert.equal(reads, 1);
  });

  it('address are told nothing of one whose record was removed by hand; the living one is who had it first', async () => {
    const [first, second] = [await attached('by-hand', ['10.1.0.14/24']), await intended('by-hand')];
    await real.etcd.transact([], [{ remove: attachmentKey(first) }]);
    assert.ok(await control.recordResult({ ...second, result: { ...RESULT, addresses: ['10.1.0.14/24'] } }));
    assert.deepEqual([...said(first), ...said(second.record)], []);
    const third = await attached('by-hand', ['10.1.0.14/24']);
    assert.match(said(third).join(), new RegExp(`^NetworkWarning: .*pod ${second.namespace}/web has`));
    assert.deepEqual(
      [first, second.record, third].map((each) => said(each).length),
      [0, 1, 1],
    );
  });

  it('address are told of one whose record cannot be read: it may have it', async () => {
    const [first, second] = [await attached('damaged', ['10.1.0.15/24']), await intended('damaged')];
    await real.etcd.transact([], [{ put: attachmentKey(first), value: '{' }]);
    assert.ok(await control.recordResult({ ...second, result: { ...RESULT, addresses: ['10.1.0.15/24'] } }));
    assert.deepEqual(
      [first, second.record].map((each) => said(each).length),
      [1, 1],
    );
  });

  it('address no more once one of them was made anew with another one', async () => {
    const first = await attached('anew', ['10.1.0.9/24']);
    const [stored] = (await records.pod(first.podUid, first.node)).attachments;
    assert.ok(stored);
    const repair = (await records.beginRepair(stored)) as Stored<CniAttachmentRecord> | undefined;
    assert.ok(repair);
    const result = { ...RESULT, addresses: ['10.1.0.10/24'] };
    assert.ok(await control.recordResult({ ...inputOf(first), modRevision: repair.modRevision, result }));
    const second = await attached('anew', ['10.1.0.9/24']);
    assert.deepEqual(said(second), []);
    const third = await attached('anew', ['10.1.0.10/24']);
    assert.equal(said(third).length, 1);
  });

  it('address no more once one of them is attached from the beginning, with another address', async () => {
    const first = await attached('begun', ['10.1.0.11/24']);
    const [stored] = (await records.pod(first.podUid, first.node)).attachments;
    assert.ok(stored);
    const outcome = await records.recordIntent({ ...first, generation: 2 }, stored);
    assert.ok(outcome.kind === 'recorded', outcome.kind);
    const result = { ...RESULT, addresses: ['10.1.0.12/24'] };
    assert.ok(await control.recordResult({ ...inputOf(first), modRevision: outcome.stored.modRevision, result }));
    assert.deepEqual(said(await attached('begun', ['10.1.0.11/24'])), []);
  });
});
