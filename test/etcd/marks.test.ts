/** Converged marks of many pods, on a real etcd. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createNodeStore } from '../../adapters/etcd/node-store.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import { markKey } from '../../domain/keys.ts';
import { etcdForTests } from './etcd-for-tests.ts';

describe('marks', () => {
  const real = etcdForTests();

  it('are read together, of more pods than one transaction takes, and of those alone that have one', async () => {
    const uids = Array.from({ length: 230 }, (_, index) => `pod-${index}`);
    const marked = ['pod-0', 'pod-150', 'pod-229'];
    for (const uid of marked) {
      const mark = { v: 1, namespace: 'shop', name: uid, node: 'n1', inputsHash: 'h', sandboxId: 's' };
      await createRecordStore(real.etcd).putMark(uid, mark);
    }
    const marks = await createNodeStore(real.etcd).readMarks(uids);
    assert.deepEqual(
      [...marks].map(([uid, { name }]) => [uid, name]),
      marked.map((uid) => [uid, uid]),
    );
    assert.equal((await createNodeStore(real.etcd).readMarks([])).size, 0);
  });

  it('are read beside one that cannot be read, which is named', async () => {
    const store = createNodeStore(real.etcd);
    const mark = { v: 1, namespace: 'shop', name: 'web', node: 'n1', inputsHash: 'h', sandboxId: 's' };
    await createRecordStore(real.etcd).putMark('whole', mark);
    await real.etcd.transact([], [{ put: markKey('damaged'), value: '{"v":' }]);
    const told: string[] = [];
    const marks = await store.readMarks(['damaged', 'whole'], (uid, why) => told.push(`${uid}: ${why.message}`));
    assert.deepEqual([...marks], [['whole', mark]]);
    assert.match(told.join(), /^damaged: etcd record \/podwire\/pods\/damaged is not JSON/);
    await assert.rejects(store.readMarks(['damaged', 'whole']), { code: 'RecordInvalid' });
  });
});
