import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SweepMemory } from '../../../activities/network/sweep/sweep-memory.ts';
import { classify } from '../../../domain/sweep/classify.ts';
import type { Finding } from '../../../domain/sweep/finding.ts';
import { cniRecord, greenLink, journalEntry, POD, SANDBOX, snapshot, stored, view, vxlanRecord } from './some-node.ts';

/** The same interface, gone in that generation. */
const gone = (generation: number): Finding =>
  classify(
    snapshot({
      sandboxes: [{ sandboxId: SANDBOX, pod: POD, view: view([greenLink()]) }],
      journal: [journalEntry({}, generation)],
      records: [stored(vxlanRecord()), stored(cniRecord({ generation }))],
    }),
  )[0] as Finding;

describe("a node's memory of its sweeps", () => {
  test('knows since when something is seen, until it is not seen any more', () => {
    let now = 0;
    const memory = new SweepMemory(() => now);
    memory.seen([gone(1)]);
    now = 7_000;
    memory.seen([gone(1)]);
    assert.equal(memory.ageSeconds(gone(1)), 7);
    memory.seen([]);
    memory.seen([gone(1)]);
    assert.equal(memory.ageSeconds(gone(1)), 0);
  });

  test('gives up making an interface anew that differs in the same way every time', () => {
    const memory = new SweepMemory();
    for (const generation of [1, 2, 3]) {
      assert.equal(memory.seen([gone(generation)])[0]?.action, 'repair');
      memory.repairing(gone(generation));
    }
    const [last] = memory.seen([gone(4)]);
    assert.equal(last?.action, 'report');
    assert.match(last?.why ?? '', /made anew 3 times/);
    assert.equal(last?.repairs, 3);
    memory.sound(SANDBOX, 'net1');
    assert.equal(memory.seen([gone(5)])[0]?.action, 'repair');
  });

  test('counts no repair that nobody could make: the record is still the same', () => {
    const memory = new SweepMemory();
    const handed = [1, 1, 1, 1, 1, 2, 2, 3, 3, 3].map((generation) => {
      assert.equal(memory.seen([gone(generation)])[0]?.action, 'repair');
      return memory.repairing(gone(generation));
    });
    assert.deepEqual(handed, [true, false, false, false, false, true, false, true, false, false]);
    assert.equal(memory.seen([gone(4)])[0]?.action, 'report');
  });
});
