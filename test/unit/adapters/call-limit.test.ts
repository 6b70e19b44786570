import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { atMostMs, callLimitMs, withinMs } from '../../../adapters/concurrency/call-limit.ts';

/** Between the two looks at the clock. */
const isAbout = (ms: number, wanted: number): void => assert.ok(ms <= wanted && ms > wanted - 50, `${ms} ms`);

describe('the time of a call', () => {
  it('is the usual one where no work has a deadline', () => {
    assert.equal(callLimitMs(900), 900);
    assert.equal(atMostMs(5_000), 5_000);
  });

  it('is the usual one, or half of what is left of the work when that is more', () =>
    withinMs(4_000, async () => {
      isAbout(callLimitMs(900), 2_000);
      isAbout(callLimitMs(3_000), 3_000);
      assert.equal(atMostMs(900), 900);
    }));

  it('is never more than what is left of the work, also after an await and in what it calls', () =>
    withinMs(500, async () => {
      isAbout(callLimitMs(900), 500);
      await sleep(100);
      assert.ok(callLimitMs(900) <= 401);
      await Promise.all([sleep(1).then(() => assert.ok(atMostMs(5_000) < 400))]);
    }));

  it('is a moment when nothing is left, so that the call itself fails and says which it was', () =>
    withinMs(-100, async () => {
      assert.equal(callLimitMs(900), 1);
      assert.equal(atMostMs(900), 1);
    }));

  it('of one work does not count for another one beside it', async () => {
    const short = withinMs(100, async () => {
      await sleep(20);
      assert.ok(callLimitMs(900) <= 81);
    });
    const long = withinMs(10_000, async () => {
      await sleep(20);
      assert.ok(callLimitMs(900) > 4_000);
    });
    await Promise.all([short, long]);
  });
});
