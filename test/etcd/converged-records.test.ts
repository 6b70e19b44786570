/** Converged marks of many pods, on a real etcd. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createNodeStore } from '../../adapters/etcd/node-store.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import { convergedKey } from '../../domain/keys.ts';
import { etcdForTests } from './etcd-for-tests.ts';

describe('marks', () => {
  const real = etcdForTests();

  it('are read together, of more pods than one transaction takes, and of those alone that have one', async () => {
    const uids = Array.from({ length: 230 }, (_, index) => `pod-${index}`);
    const marked = ['pod-0', 'pod-150', 'pod-229'];
    for (const uid of marked) {
      const record = { v: 1, namespace: 'shop', name: uid, node: 'n1', inputsHash: 'h', sandboxId: 's' };
      await createRecordStore(real.etcd).putConverged(uid, record);
    }
    const converged = await createNodeStore(real.etcd).readConverged(uids);
    assert.deepEqual(
      [...converged].map(([uid, { name }]) => [uid, name]),
      marked.map((uid) => [uid, uid]),
    );
    assert.equal((await createNodeStore(real.etcd).readConverged([])).size, 0);
  });

  it('are read beside one that cannot be read, which is named', async () => {
    const store = createNodeStore(real.etcd);
    const record = { v: 1, namespace: 'shop', name: 'web', node: 'n1', inputsHash: 'h', sandboxId: 's' };
    await createRecordStore(real.etcd).putConverged('whole', record);
    await real.etcd.transact([], [{ put: convergedKey('damaged'), value: '{"v":' }]);
    const told: string[] = [];
    const converged = await store.readConverged(['damaged', 'whole'], (uid, why) =>
      told.push(`${uid}: ${why.message}`),
    );
    assert.deepEqual([...converged], [['whole', record]]);
    assert.match(told.join(), /^damaged: etcd record \/podwire\/pods\/damaged is not JSON/);
    await assert.rejects(store.readConverged(['damaged', 'whole']), { code: 'RecordInvalid' });
  });
});
