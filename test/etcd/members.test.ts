/** What the nodes of a VXLAN network read of a member that joined, on a real etcd. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createNodeStore } from '../../adapters/etcd/node-store.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import { FakeCluster } from '../workflows/fake-cluster.ts';
import { controlOver } from './control-over.ts';
import { etcdForTests } from './etcd-for-tests.ts';
import { intent, RESULT } from './some-records.ts';

describe('a member', () => {
  const real = etcdForTests();

  for (const [what, sendsFrom] of [
    ['says nothing of where it sends from when that is its tunnel address', undefined],
    ['whose link is over another link says from which addresses it sends', ['10.7.0.1']],
  ] as const)
    it(what, async () => {
      const records = createRecordStore(real.etcd);
      const signals = { membersChanged: async () => undefined, podChanged: async () => undefined };
      const control = controlOver(records, new FakeCluster(), signals);
      const net = `net${sendsFrom?.length ?? 0}`;
      const network = { scope: net, name: 'red' };
      const record = intent(net, 950 + net.charCodeAt(3), { network, podUid: net, sandboxId: `${net}-sandbox` });
      const outcome = await records.recordIntent(record);
      assert.ok(outcome.kind === 'recorded');
      const { podUid: uid, namespace, name, node, sandboxId, interfaceName } = record;
      const result = { ...RESULT, ...(sendsFrom === undefined ? {} : { sendsFrom }) };
      const input = { uid, namespace, name, node, sandboxId, interfaceName };
      assert.ok(await control.recordResult({ ...input, modRevision: outcome.stored.modRevision, result }));
      const { members } = await createNodeStore(real.etcd).readMembers(network);
      assert.deepEqual(
        members.map((member) => [member.podUid, member.vtep, member.sendsFrom]),
        [[net, record.vtep, sendsFrom]],
      );
    });
});
