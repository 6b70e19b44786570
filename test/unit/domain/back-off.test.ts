import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { backOffDelay, type BackOff } from '../../../domain/concurrency/back-off.ts';

const BACK_OFF: BackOff = { minMs: 200, maxMs: 5_000 };
const longest = (): number => 1;

describe('the delay after failures', () => {
  it('begins with the least, doubles with each failure, and stays at the most', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7].map((failures) => backOffDelay(BACK_OFF, failures, longest));
    assert.deepEqual(delays, [200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  });

  it('is drawn from its upper half', () => {
    assert.equal(
      backOffDelay(BACK_OFF, 2, () => 0),
      200,
    );
    assert.equal(
      backOffDelay(BACK_OFF, 2, () => 0.5),
      300,
    );
  });

  it('stays at the most after as many failures as there ever can be', () => {
    assert.equal(backOffDelay(BACK_OFF, 100_000, longest), 5_000);
    assert.equal(backOffDelay({ minMs: 0, maxMs: 10 }, 100_000, longest), 0);
  });
});
