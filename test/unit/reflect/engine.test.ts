/** What the reflection's activities do with a cluster and an etcd that change, fail and lie at one exact moment. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findGoneNodes, removeGoneNodes } from '../../../activities/reflect/gone-nodes.ts';
import { reflectNames } from '../../../activities/reflect/names.ts';
import { resync } from '../../../activities/reflect/resync.ts';
import { createReflectCodec } from '../../../adapters/reflect/codec.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { ReflectCounts, ReflectSource } from '../../../domain/reflect/messages.ts';
import { fakeReflectDeps, FakeReflectCluster, MemoryReflectStore } from '../../fakes/reflect-parts.ts';

const ROOT = '/vnf-agent/contiv-ksr/k8s';
const limits = { writeUntil: Infinity };

function world() {
  const cluster = new FakeReflectCluster();
  const store = new MemoryReflectStore();
  const deps = fakeReflectDeps(cluster, store);
  const pass = (source: ReflectSource): Promise<ReflectCounts> =>
    resync(deps, { source, reason: 'test' }, () => undefined, new AbortController().signal);
  const names = (source: ReflectSource, ...of: string[]): Promise<ReflectCounts> =>
    reflectNames(deps, source, of, limits);
  return { cluster, store, deps, pass, names };
}

test('a resync writes what is missing, and the next one writes nothing but its marker', async () => {
  const { cluster, store, pass } = world();
  for (let i = 0; i < 300; i += 1) cluster.put('service', `ns/s${i}`);
  assert.deepEqual(await pass('service'), { added: 300, updated: 0, deleted: 0 });
  // 128 operations a transaction at most: three of them, and the marker.
  assert.equal(store.writes, 4);
  assert.deepEqual(await pass('service'), { added: 0, updated: 0, deleted: 0 });
  assert.equal(store.writes, 5);
  assert.deepEqual(store.keys('/podwire/reflected/contiv-ksr/markers/'), [
    '/podwire/reflected/contiv-ksr/markers/service',
  ]);
});

test('what is gone from the cluster is removed; a key of another shape under the same prefix stays', async () => {
  const { cluster, store, pass } = world();
  cluster.put('namespace', 'a');
  cluster.put('namespace', 'b');
  await pass('namespace');
  await store.write([{ key: `${ROOT}/namespace/b/pod/p`, value: Buffer.from('{}'), was: undefined }]);
  cluster.remove('namespace', 'b');
  assert.deepEqual(await pass('namespace'), { added: 0, updated: 0, deleted: 1 });
  assert.deepEqual(store.keys(ROOT), [`${ROOT}/namespace/a`, `${ROOT}/namespace/b/pod/p`]);
});

test('a list that shows nothing removes nothing that is still there', async () => {
  const { cluster, store, pass } = world();
  for (const name of ['n/a', 'n/b']) cluster.put('pod', name);
  await pass('pod');
  cluster.hidden.add('n/a').add('n/b');
  assert.deepEqual(await pass('pod'), { added: 0, updated: 0, deleted: 0 });
  assert.equal(store.keys(ROOT).length, 2);
});

test('a list that breaks off removes nothing', async () => {
  const { cluster, store, pass } = world();
  for (let i = 10; i < 35; i += 1) cluster.put('pod', `n/p${i}`);
  await pass('pod');
  let pages = 0;
  cluster.before = (call) => {
    if (call === 'list' && (pages += 1) === 2) throw new PodwireError('ApiUnavailable', 'cut');
  };
  await assert.rejects(pass('pod'), /cut/);
  assert.equal(store.keys(ROOT).length, 25);
});

test('a pod that loses its label sfc loses that key only, also when nobody saw it', async () => {
  const { cluster, store, pass } = world();
  cluster.put('pod', 'n/p', { sfc: 'true' });
  await pass('pod');
  assert.equal(store.keys('/vnf-agent/').length, 2);
  cluster.put('pod', 'n/p');
  assert.deepEqual(await pass('pod'), { added: 0, updated: 1, deleted: 1 });
  assert.deepEqual(store.keys('/vnf-agent/'), [`${ROOT}/pod/p/namespace/n`]);
});

test('an object is read anew, not taken from the event: what is gone meanwhile is removed, what changed is written as it is', async () => {
  const { cluster, store, names } = world();
  cluster.put('pod', 'n/a', { v: '1' });
  assert.deepEqual(await names('pod', 'n/a', 'n/never'), { added: 1, updated: 0, deleted: 0 });
  assert.deepEqual(await names('pod', 'n/a'), { added: 0, updated: 0, deleted: 0 });
  cluster.put('pod', 'n/a', { v: '2' });
  assert.deepEqual(await names('pod', 'n/a'), { added: 0, updated: 1, deleted: 0 });
  cluster.remove('pod', 'n/a');
  assert.deepEqual(await names('pod', 'n/a'), { added: 0, updated: 0, deleted: 1 });
  assert.deepEqual(store.keys(ROOT), []);
});

test('a key that somebody else changes between reading and writing is read again', async () => {
  const { cluster, store, names, deps } = world();
  cluster.put('pod', 'n/a', { v: '1' });
  await names('pod', 'n/a');
  cluster.put('pod', 'n/a', { v: '2' });
  let intruded = false;
  store.before = async (call) => {
    if (call !== 'write' || intruded) return;
    intruded = true;
    const key = `${ROOT}/pod/a/namespace/n`;
    await store.write([{ key, value: Buffer.from('{"name":"foreign"}'), was: store.values.get(key)?.modRevision }]);
  };
  await names('pod', 'n/a');
  const stored = store.values.get(`${ROOT}/pod/a/namespace/n`)?.value ?? Buffer.from('');
  assert.equal(deps.codec.decode('pod', stored)?.label?.[0]?.value, '2');
});

test('two reflectors at once end with the same as one', async () => {
  const { cluster, store, deps, pass } = world();
  for (let i = 0; i < 200; i += 1) cluster.put('pod', `n/p${i}`);
  store.before = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
  const both = await Promise.all([pass('pod'), pass('pod')]);
  assert.equal(both[0].added + both[1].added, 200);
  const some = Array.from({ length: 100 }, (_, i) => `n/p${i}`);
  for (const name of some) cluster.put('pod', name, { v: 'new' });
  const counts = await Promise.all([0, 1, 2].map(() => reflectNames(deps, 'pod', some, limits)));
  assert.equal(
    counts.reduce((sum, { updated }) => sum + updated, 0),
    100,
  );
});

test('labels in another order are no difference, another encoding is one', async () => {
  const { cluster, store, deps, pass } = world();
  cluster.put('namespace', 'a', { x: '1', y: '2' });
  const key = `${ROOT}/namespace/a`;
  const swapped = '{"name":"a","label":[{"key":"y","value":"2"},{"key":"x","value":"1"}]}';
  await store.write([{ key, value: Buffer.from(swapped), was: undefined }]);
  assert.deepEqual(await pass('namespace'), { added: 0, updated: 0, deleted: 0 });
  const binary = { ...deps, codec: createReflectCodec('protobuf') };
  const counts = await reflectNames(binary, 'namespace', ['a'], limits);
  assert.deepEqual(counts, { added: 0, updated: 1, deleted: 0 });
});

test('an object that cannot be reflected keeps what is in etcd, counts as KSR counted it, and holds up no other', async () => {
  const { cluster, store, deps, pass } = world();
  cluster.put('service', 'n/good');
  cluster.put('service', 'n/odd');
  await pass('service');
  cluster.set('service', 'n/odd', { metadata: { namespace: 'n', name: 'odd' }, spec: { ports: 'none' } });
  cluster.put('service', 'n/late');
  assert.deepEqual(await pass('service'), { added: 1, updated: 0, deleted: 0 });
  assert.equal(store.keys(ROOT).length, 3);
  assert.equal(deps.ledger.of('service').argErrors, 1);
  assert.deepEqual({ ...deps.ledger.of('service') }.adds, 3);
});

test('what a node of the primary network left stays while a lease of it lives, and for five minutes; also when that is said between the looks', async () => {
  const { store, deps: usual } = world();
  let now = 1_000_000;
  const deps = { ...usual, now: () => now };
  const ids = '/vnf-agent/contiv-ksr/allocatedIDs/';
  const put = (key: string, value: string): Promise<boolean> =>
    store.write([{ key, value: Buffer.from(value), was: undefined }]);
  for (const [id, name] of ['gone', 'lives', 'late', 'drained', 'again', 'six'].entries())
    await put(`${ids}${id + 1}`, JSON.stringify({ id: id + 1, name }));
  for (const name of ['lives', 'drained', 'again', 'six']) await put(`/vnf-agent/${name}/podwire/primary`, '');
  await put('/vnf-agent/lives/ipam/s1', '{"ID":167837954,"pod":"s1"}');
  // Contiv's message of a lease has no room for an address of IPv6.
  await put('/vnf-agent/six/pods/s1', '{"ID":"s1"}');
  const { nodes, lookAgainAfterSeconds } = await findGoneNodes(deps);
  assert.deepEqual(
    nodes.map(({ node }) => node),
    ['gone', 'late', 'drained', 'again'],
  );
  assert.equal(lookAgainAfterSeconds, 300);
  await put('/vnf-agent/late/podwire/primary', '');
  await put('/vnf-agent/again/pods/s2', '{"ID":"s2"}');
  now += 299_999;
  assert.deepEqual(await removeGoneNodes(deps, nodes), ['gone']);
  now += 1;
  assert.deepEqual(await removeGoneNodes(deps, nodes), ['drained']);
  assert.deepEqual(store.keys(ids), [`${ids}2`, `${ids}3`, `${ids}5`, `${ids}6`]);
  assert.deepEqual(store.keys('/vnf-agent/lives/'), ['/vnf-agent/lives/ipam/s1', '/vnf-agent/lives/podwire/primary']);
  assert.deepEqual(store.keys('/vnf-agent/drained/'), []);
});

test('what a node left is removed when two looks miss the node; others, kept labels and our own tree stay', async () => {
  const { cluster, store, deps } = world();
  const ids = '/vnf-agent/contiv-ksr/allocatedIDs/';
  const put = (key: string, value: string): Promise<boolean> =>
    store.write([{ key, value: Buffer.from(value), was: undefined }]);
  for (const [id, name] of ['gone', 'there', 'back', 'kept', 'contiv-ksr', '../podwire'].entries()) {
    await put(`${ids}${id + 1}`, JSON.stringify({ id: id + 1, name }));
    await put(`/vnf-agent/${name}/config`, '{}');
  }
  await put(`${ids}99`, 'no id');
  cluster.put('node', 'there');
  const { nodes } = await findGoneNodes(deps);
  assert.deepEqual(
    nodes.map(({ node }) => node),
    ['gone', 'back'],
  );
  cluster.put('node', 'back');
  assert.deepEqual(await removeGoneNodes(deps, nodes), ['gone']);
  assert.equal(store.keys(ids).length, 6);
  assert.ok(!store.keys().includes('/vnf-agent/gone/config'));
  assert.ok(store.keys().includes('/vnf-agent/there/config'));
  assert.ok(store.keys().includes('/vnf-agent/contiv-ksr/config'));
});
