import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { allWithLimit, eachWithLimit } from '../../../domain/concurrency/with-limit.ts';

const ITEMS = [0, 1, 2, 3, 4, 5, 6];

/** Work that ends in the opposite order of its beginning, as far as the limit allows, and counts itself. */
function counted(failsAt?: number) {
  const begun: number[] = [];
  let running = 0;
  let most = 0;
  const work = async (item: number): Promise<string> => {
    begun.push(item);
    running += 1;
    most = Math.max(most, running);
    for (let turns = ITEMS.length - item; turns > 0; turns -= 1) await nextTurn();
    running -= 1;
    if (item === failsAt) throw new Error(`no ${item}`);
    return `done ${item}`;
  };
  return { work, begun, most: () => most };
}

const done = ITEMS.map((item) => `done ${item}`);

describe('work with a limit that must all succeed', () => {
  it('is done for every item, never more at once than the limit, with results in the order of the items', async () => {
    const { work, begun, most } = counted();
    assert.deepEqual(await allWithLimit(ITEMS, 3, work), done);
    assert.deepEqual(begun, ITEMS);
    assert.equal(most(), 3);
  });

  it('fails with the first failure, after which nothing more is begun', async () => {
    const { work, begun } = counted(1);
    await assert.rejects(allWithLimit(ITEMS, 2, work), /no 1/);
    const untilThen = [...begun];
    for (let turn = 0; turn < 50; turn += 1) await nextTurn();
    assert.deepEqual(begun, untilThen);
    assert.ok(begun.length < ITEMS.length, `begun: ${begun.join()}`);
  });

  it('is told the place of each item, and is nothing for no items', async () => {
    assert.deepEqual(await allWithLimit(['a', 'b'], 9, async (item, index) => `${index}${item}`), ['0a', '1b']);
    assert.deepEqual(await allWithLimit([], 3, async () => assert.fail('called')), []);
  });
});

describe('work with a limit whose failures are told at the end', () => {
  it('is done for every item whatever fails, never more at once than the limit', async () => {
    const { work, begun, most } = counted(1);
    const outcomes = await eachWithLimit(ITEMS, 3, work);
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : String(outcome.reason))),
      done.with(1, 'Error: no 1'),
    );
    assert.deepEqual(begun, ITEMS);
    assert.equal(most(), 3);
  });

  it('is told the place of each item', async () => {
    const outcomes = await eachWithLimit(['a', 'b'], 2, async (item, index) => `${index}${item}`);
    assert.deepEqual(outcomes, [
      { status: 'fulfilled', value: '0a' },
      { status: 'fulfilled', value: '1b' },
    ]);
  });

  it('takes what is thrown before the work began for a failure as well', async () => {
    const [outcome] = await eachWithLimit([1], 1, () => {
      throw new Error('at once');
    });
    assert.equal(outcome?.status, 'rejected');
  });
});
