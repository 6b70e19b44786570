import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Lease } from '../../../domain/primary/lease.ts';
import { collectLeases, type MissedLeases } from '../../../domain/primary/lease-collection.ts';

const PACE = { leastAgeMs: 180_000, apartMs: 60_000 };
const NONE: MissedLeases = new Map();
const lease = (sandboxId: string, more: Partial<Lease> = {}): Lease => ({
  ...{ sandboxId, ifName: 'eth0', pod: { namespace: 'default', name: sandboxId } },
  ...{ addresses: [{ family: 4, value: 1n }], sequence: 1, madeAt: 0 },
  ...more,
});
const look = (at: number, ...ids: string[]) => ({ at, sandboxIds: new Set(ids) });
const names = (leases: readonly Lease[]) => leases.map(({ sandboxId }) => sandboxId);

describe('leases of sandboxes that are gone', () => {
  it('are those that two looks missed, far enough apart', () => {
    const first = collectLeases([lease('a'), lease('b')], NONE, look(200_000, 'b'), PACE);
    assert.deepEqual(names(first.gone), []);
    const early = collectLeases([lease('a'), lease('b')], first.missed, look(259_999, 'b'), PACE);
    assert.deepEqual(names(early.gone), []);
    const second = collectLeases([lease('a'), lease('b')], early.missed, look(260_000, 'b'), PACE);
    assert.deepEqual(names(second.gone), ['a']);
  });

  it('are none after one list that was empty', () => {
    const first = collectLeases([lease('a')], NONE, look(200_000), PACE);
    const second = collectLeases([lease('a')], first.missed, look(230_000, 'a'), PACE);
    const third = collectLeases([lease('a')], second.missed, look(260_000), PACE);
    assert.deepEqual(names(third.gone), []);
  });

  it('are none that are being made, and none that are released', () => {
    const young = lease('a', { madeAt: 100_000 });
    const { missed } = collectLeases([young, lease('b', { releasedAt: 9 })], NONE, look(279_999), PACE);
    assert.equal(missed.size, 0);
  });

  it('are none sooner because a clock went back', () => {
    const first = collectLeases([lease('a')], NONE, look(900_000), PACE);
    assert.deepEqual(names(collectLeases([lease('a')], first.missed, look(300_000), PACE).gone), []);
  });
});
