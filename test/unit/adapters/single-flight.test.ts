import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { until } from '../../watcher/until.ts';
import { SingleFlight } from '../../../adapters/concurrency/single-flight.ts';

/** Calls that end when they are told to. */
function heldCalls(): { call: () => Promise<void>; ends: ((error?: Error) => void)[] } {
  const ends: ((error?: Error) => void)[] = [];
  const call = (): Promise<void> =>
    new Promise((resolve, reject) => ends.push((error) => (error === undefined ? resolve() : reject(error))));
  return { call, ends };
}

describe('calls that say the same', () => {
  it('share the one that begins after those who came while another was under way', async () => {
    const joined = new SingleFlight();
    const { call, ends } = heldCalls();
    const all = [joined.run('a', call), joined.run('a', call), joined.run('a', call)];
    assert.equal(ends.length, 1);
    ends[0]?.();
    await all[0];
    await until('the next begins', () => ends.length === 2);
    assert.equal(ends.length, 2);
    ends[1]?.();
    await Promise.all(all);
    assert.equal(ends.length, 2);
  });

  it('fail for those who shared the failed call, not for those after it', async () => {
    const joined = new SingleFlight();
    const { call, ends } = heldCalls();
    const first = joined.run('a', call);
    const second = joined.run('a', call);
    ends[0]?.(new Error('no answer'));
    await assert.rejects(first, /no answer/);
    await until('the next begins', () => ends.length === 2);
    ends[1]?.();
    await second;
  });

  it('begin no sooner after each other than asked', async () => {
    const joined = new SingleFlight(30);
    const began: number[] = [];
    const call = async (): Promise<void> => void began.push(performance.now());
    await Promise.all([joined.run('a', call), joined.run('a', call)]);
    assert.ok((began[1] ?? 0) - (began[0] ?? 0) >= 29);
  });

  it('do not wait for those of another key', () => {
    const joined = new SingleFlight();
    const { call, ends } = heldCalls();
    void joined.run('a', call);
    void joined.run('b', call);
    assert.equal(ends.length, 2);
  });
});
