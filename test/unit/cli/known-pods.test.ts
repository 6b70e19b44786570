/** Which pods of a name etcd knows of; the etcd is the in-memory one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRecordStore } from '../../../adapters/etcd/record-store.ts';
import { eachOnce, podsInEtcd } from '../../../cli/known-pods.ts';
import { convergedKey } from '../../../domain/keys.ts';
import { RECORD_VERSION } from '../../../domain/records.ts';
import { intent } from '../../etcd/some-records.ts';
import { makeWhole } from '../../etcd/whole-store.ts';
import { MemoryEtcd } from '../../workflows/memory-etcd.ts';

const shop = { namespace: 'shop', name: 'web-0' };

test('a pod is known by its mark, its refusal or its attachment, each UID once, with the node where a mark says it', async () => {
  const etcd = new MemoryEtcd();
  await makeWhole(etcd);
  const store = createRecordStore(etcd);
  const converged = { v: RECORD_VERSION, inputsHash: 'x', sandboxId: 's' };
  const refusal = {
    ...{ v: RECORD_VERSION, inputsHash: 'x', network: { scope: 'shop', name: 'red' } },
    ...{ interfaceName: 'red', code: 'LinkConflict', message: 'in the way' },
  };
  await store.putConverged('marked', { ...shop, ...converged, node: 'n1' });
  await store.putRefusal('marked', { ...shop, ...refusal });
  await store.putConverged('other', { ...shop, ...converged, name: 'web-1', node: 'n1' });
  await store.putRefusal('refused', { ...shop, ...refusal });
  await store.putRefusal('refused', { ...shop, ...refusal, interfaceName: 'blue' });
  await store.putRefusal('namesake', { ...shop, ...refusal, namespace: 'another' });
  await store.recordIntent(intent('attached', 100, shop));
  await etcd.transact([], [{ put: convergedKey('broken'), value: '{"v":1}' }]);
  const broken: string[] = [];
  assert.deepEqual(await podsInEtcd(etcd, shop, (message) => broken.push(message)), [
    { ...shop, uid: 'marked', nodeName: 'n1' },
    { ...shop, uid: 'refused' },
    { ...shop, uid: 'attached' },
  ]);
  assert.equal(broken.length, 1);
  assert.match(broken[0] ?? '', /\/podwire\/pods\/broken/);
});

test('a pod that is known twice is taken once, from who knows its node', () => {
  const [bare, placed] = [
    { ...shop, uid: 'a' },
    { ...shop, uid: 'a', nodeName: 'n2' },
  ];
  assert.deepEqual(eachOnce([bare, placed]), [placed]);
  assert.deepEqual(eachOnce([placed, bare, { ...shop, uid: 'b' }]), [placed, { ...shop, uid: 'b' }]);
});
