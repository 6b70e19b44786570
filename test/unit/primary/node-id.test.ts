import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  mayReleaseNodeId,
  nextNodeIdStep,
  nodeIdValue,
  RELEASE_AFTER_MS,
  type NodeIdView,
} from '../../../domain/primary/node-id.ts';

const step = (more: Partial<NodeIdView>) =>
  nextNodeIdStep({ node: 'n1', onDisk: undefined, hasPods: false, entries: [], claims: [], highest: 254n, ...more });
const entry = (id: number, node: string | undefined) => ({ id, node });

describe('the number of a node', () => {
  it('is the lowest that is free', () => {
    assert.deepEqual(step({}), { kind: 'create', id: 1 });
    assert.deepEqual(step({ entries: [entry(1, 'n2'), entry(2, undefined), entry(4, 'n3')] }), {
      kind: 'create',
      id: 3,
    });
    assert.deepEqual(step({ entries: [entry(1, 'n2')], claims: [{ id: 2, node: 'n3' }] }), { kind: 'create', id: 3 });
  });

  it('is none when the ranges have no room for another node', () => {
    assert.deepEqual(step({ entries: [entry(1, 'n2'), entry(2, 'n3')], highest: 2n }), { kind: 'exhausted', taken: 2 });
  });

  it('is the one that has its name in etcd, and is noted on the disk', () => {
    assert.deepEqual(step({ entries: [entry(7, 'n1'), entry(3, 'n1')] }), { kind: 'note', id: 3 });
    assert.deepEqual(step({ entries: [entry(7, 'n1'), entry(3, 'n1')], onDisk: 7 }), {
      ...{ kind: 'settled', id: 7, surplus: [3], claimed: [] },
    });
  });

  for (const hasPods of [true, false])
    it(`is written back from the disk when etcd lost it${hasPods ? '' : ', also without pods'}`, () => {
      assert.deepEqual(step({ onDisk: 5, hasPods, entries: [entry(1, 'n2')] }), { kind: 'create', id: 5 });
    });

  it('stays that of the disk for as long as there are pods, whatever etcd says', () => {
    const entries = [entry(3, 'n1')];
    assert.deepEqual(step({ onDisk: 5, hasPods: true, entries }), { kind: 'create', id: 5 });
    assert.deepEqual(step({ onDisk: 5, hasPods: false, entries }), { kind: 'note', id: 3 });
  });

  it('that is another node’s in etcd is a conflict while there are pods, else another one is taken', () => {
    const entries = [entry(5, 'n2')];
    const conflict = { kind: 'conflict', id: 5, holder: 'n2', hasClaim: false };
    assert.deepEqual(step({ onDisk: 5, hasPods: true, entries }), conflict);
    const claims = [{ id: 5, node: 'n1' }];
    assert.deepEqual(step({ onDisk: 5, hasPods: true, entries, claims }), { ...conflict, hasClaim: true });
    assert.deepEqual(step({ onDisk: 5, entries }), { kind: 'create', id: 1 });
  });

  it('is left to a node with pods that claims it, unless there are pods here as well', () => {
    const view = { onDisk: 5, entries: [entry(5, 'n1')], claims: [{ id: 5, node: 'n2' }] };
    assert.deepEqual(step(view), { kind: 'yield', id: 5, to: 1 });
    assert.deepEqual(step({ ...view, hasPods: true }), { kind: 'settled', id: 5, surplus: [], claimed: [] });
    assert.deepEqual(step({ ...view, entries: [] }), { kind: 'create', id: 1 });
  });

  it('is claimed no longer once it is its own', () => {
    const claims = [5, 9].map((id) => ({ id, node: 'n1' }));
    assert.deepEqual(step({ onDisk: 5, hasPods: true, entries: [entry(5, 'n1')], claims }), {
      ...{ kind: 'settled', id: 5, surplus: [], claimed: [5, 9] },
    });
  });
});

describe('the number of a node that is gone', () => {
  const gone = (at: number) => ({ isThere: false, at });
  it('is free after two looks five minutes apart, when no lease lives', () => {
    assert.equal(mayReleaseNodeId(gone(0), gone(RELEASE_AFTER_MS), 0), true);
    assert.equal(mayReleaseNodeId(gone(0), gone(RELEASE_AFTER_MS - 1), 0), false);
    assert.equal(mayReleaseNodeId(gone(0), gone(RELEASE_AFTER_MS), 1), false);
    assert.equal(mayReleaseNodeId({ isThere: true, at: 0 }, gone(RELEASE_AFTER_MS), 0), false);
    assert.equal(mayReleaseNodeId(gone(0), { isThere: true, at: RELEASE_AFTER_MS }, 0), false);
  });
});

it('an entry is written byte for byte as contiv’s agents write it', () => {
  assert.equal(nodeIdValue(1, 'n1'), '{"id":1,"name":"n1"}');
  assert.equal(
    nodeIdValue(2, 'n2', '192.168.16.2/24', ['10.0.0.2', '203.0.113.2']),
    '{"id":2,"name":"n2","ip_address":"192.168.16.2/24","management_ip_address":"10.0.0.2,203.0.113.2"}',
  );
});
