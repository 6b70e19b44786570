import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { NoticePace } from '../../../adapters/netlink/notice-pace.ts';
import { LookQueue } from '../../../workers/node/look-queue.ts';
import { RepairBudget } from '../../../workers/node/repair-budget.ts';

const links = { links: true, forwarding: false, lost: false };
const entries = { links: false, forwarding: true, lost: false };

describe('changes of a namespace', () => {
  test('are told at once, and then once per rest, together', () => {
    const pace = new NoticePace(1_000);
    pace.note(links);
    assert.deepEqual(pace.take(5), links);
    pace.note(links);
    pace.note(entries);
    assert.equal(pace.take(1_004), undefined);
    assert.equal(pace.restMs(1_004), 1);
    assert.deepEqual(pace.take(1_005), { links: true, forwarding: true, lost: false });
    assert.equal(pace.take(9_000), undefined, 'there is nothing to tell');
    assert.equal(pace.restMs(9_000), 0);
  });

  test('are never told more often than that, and never kept longer, whenever they come', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3_000 }), { maxLength: 60 }), (gaps) => {
        const pace = new NoticePace(1_000);
        const told: number[] = [];
        let now = 0;
        let untoldSince: number | undefined;
        for (const gap of gaps)
          for (let step = 0; step < gap; step += 1) {
            now += 1;
            if (step === 0) {
              pace.note(links);
              untoldSince ??= now;
            }
            if (pace.take(now) === undefined) continue;
            assert.ok(now - (untoldSince ?? now) <= 1_000);
            untoldSince = undefined;
            told.push(now);
          }
        told.forEach((at, index) => assert.ok(index === 0 || at - (told[index - 1] ?? 0) >= 1_000));
      }),
      { numRuns: 30 },
    );
  });
});

describe('the queue of looks', () => {
  test('begins at once, and looks at the same sandbox once a second however often it changes', () => {
    const queue = new LookQueue(1_000);
    queue.want('a', { forwarding: false }, 0);
    assert.deepEqual(queue.begin(0), { sandboxId: 'a', forwarding: false });
    queue.ended('a');
    for (let now = 1; now < 1_000; now += 1) {
      queue.want('a', { forwarding: now === 500 }, now);
      assert.equal(queue.begin(now), undefined);
    }
    assert.equal(queue.nextMs(990), 10);
    assert.deepEqual(queue.begin(1_000), { sandboxId: 'a', forwarding: true });
  });

  test('lets no sandbox wait for one that changes all the time', () => {
    const queue = new LookQueue(1_000);
    queue.want('wild', { forwarding: false }, 0);
    assert.equal(queue.begin(0)?.sandboxId, 'wild');
    queue.ended('wild');
    queue.want('wild', { forwarding: false }, 1);
    queue.want('calm', { forwarding: true }, 2);
    assert.deepEqual(queue.begin(2), { sandboxId: 'calm', forwarding: true });
  });

  test('never has two looks at one sandbox at once, and waits for nothing then', () => {
    const queue = new LookQueue(1_000);
    queue.want('a', { forwarding: false }, 0);
    queue.begin(0);
    queue.want('a', { forwarding: false }, 1);
    assert.equal(queue.begin(5_000), undefined);
    assert.equal(queue.nextMs(5_000), undefined);
    queue.ended('a');
    assert.equal(queue.nextMs(5_000), 0);
    assert.equal(queue.begin(5_000)?.sandboxId, 'a');
  });

  test('looks later where it is asked to, and sooner when something changes meanwhile', () => {
    const queue = new LookQueue(1_000);
    queue.want('a', { forwarding: true }, 0, 3_000);
    assert.equal(queue.begin(2_999), undefined);
    queue.want('a', { forwarding: false }, 2_999);
    assert.deepEqual(queue.begin(2_999), { sandboxId: 'a', forwarding: true });
  });

  test('forgets what is not followed any more', () => {
    const queue = new LookQueue(1_000);
    queue.want('a', { forwarding: false }, 0);
    queue.forget('a');
    assert.equal(queue.begin(0), undefined);
  });
});

describe('the budget of repairs', () => {
  test('allows some in a row, then one after each refill, for each sandbox by itself', () => {
    const budget = new RepairBudget({ inRow: 3, refillMs: 10 });
    const taken = (now: number): boolean => budget.take('a', now);
    assert.deepEqual([taken(0), taken(0), taken(0), taken(0)], [true, true, true, false]);
    assert.ok(budget.take('b', 0));
    assert.deepEqual([taken(9), taken(10), taken(10)], [false, true, false]);
    assert.deepEqual([taken(100), taken(100), taken(100), taken(100)], [true, true, true, false]);
  });
});
