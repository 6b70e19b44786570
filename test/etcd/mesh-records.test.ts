/** Who is behind in a mesh, on a real etcd: written by mesh runs, and by nodes that take themselves out of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMeshActivities } from '../../activities/control/mesh-steps.ts';
import type { RecordDeps } from '../../activities/control/attachment-records.ts';
import { createNodeStore } from '../../adapters/etcd/node-store.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import { meshStateKey } from '../../domain/keys.ts';
import type { NetworkRef } from '../../domain/network-selection.ts';
import { etcdForTests } from './etcd-for-tests.ts';
import { intent, memberOf, RESULT } from './some-records.ts';

describe('the record of a mesh', () => {
  const real = etcdForTests();

  let networks = 0;
  /** A network with a member on each of these nodes. */
  async function meshOf(...nodes: string[]) {
    const uid = `mesh-${(networks += 1)}`;
    const network: NetworkRef = { scope: uid, name: 'red' };
    const records = createRecordStore(real.etcd);
    for (const node of nodes) {
      const record = intent(`${uid}-${node}`, 7_000 + networks, { node, network });
      const outcome = await records.recordIntent(record);
      assert.ok(outcome.kind === 'recorded');
      assert.ok(await records.recordResult(outcome.stored, RESULT, memberOf(record)));
    }
    const { recordMesh } = createMeshActivities({ records } as RecordDeps);
    const store = createNodeStore(real.etcd);
    return {
      ...{ network, store },
      ends: (...behind: string[]) => recordMesh({ ...network, behind }),
      now: async () => (await store.readMesh(network)) ?? assert.fail('no record'),
    };
  }

  it('loses a node that has caught up, and no other', async () => {
    const mesh = await meshOf('n1', 'n2');
    await mesh.ends('n1', 'n2');
    const before = await mesh.now();
    await mesh.store.caughtUp(mesh.network, 'n1', before.value.recordedAt);
    const { value } = await mesh.now();
    assert.deepEqual(value, { ...before.value, behind: ['n2'], since: { n2: before.value.since['n2'] } });
    // Run again after its answer was lost.
    await mesh.store.caughtUp(mesh.network, 'n1', before.value.recordedAt);
    assert.deepEqual((await mesh.now()).value, value);
  });

  it('loses all nodes that catch up at once', async () => {
    const nodes = ['n1', 'n2', 'n3', 'n4'];
    const mesh = await meshOf(...nodes);
    await mesh.ends(...nodes);
    const write = (await mesh.now()).value.recordedAt;
    await Promise.all(nodes.map((node) => mesh.store.caughtUp(mesh.network, node, write)));
    assert.deepEqual((await mesh.now()).value, { v: 1, behind: [], since: {}, recordedAt: write });
  });

  it('keeps a node that caught up with less than what a mesh run found it behind of since', async () => {
    const mesh = await meshOf('n1');
    await mesh.ends('n1');
    const write = (await mesh.now()).value.recordedAt;
    await new Promise((done) => setTimeout(done, 5));
    await mesh.ends('n1');
    const newer = await mesh.now();
    await mesh.store.caughtUp(mesh.network, 'n1', write);
    assert.deepEqual(await mesh.now(), newer);
  });

  it('says since when a node is behind, however many runs found it so', async () => {
    const mesh = await meshOf('n1', 'n2');
    await mesh.ends('n1');
    const first = (await mesh.now()).value;
    await new Promise((done) => setTimeout(done, 5));
    await mesh.ends('n1', 'n2');
    const { since, recordedAt } = (await mesh.now()).value;
    assert.equal(since['n1'], first.recordedAt);
    assert.equal(since['n2'], recordedAt);
    assert.notEqual(recordedAt, first.recordedAt);
  });

  it('names no node whose last member has left, for nothing would ever say that it has caught up', async () => {
    const mesh = await meshOf('n1');
    await mesh.ends('n1', 'left');
    assert.deepEqual((await mesh.now()).value.behind, ['n1']);
  });

  it('is written anew when it cannot be read', async () => {
    const mesh = await meshOf('n1');
    await real.etcd.transact([], [{ put: meshStateKey(mesh.network), value: '{"v":1,"behind":7}' }]);
    await mesh.ends();
    assert.deepEqual((await mesh.now()).value.behind, []);
  });
});
