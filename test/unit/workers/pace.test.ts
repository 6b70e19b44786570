import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pace } from '../../../workers/pace.ts';

const TIMES = { oftenMs: 20, seldomMs: 60_000, alertMs: 0 };
const SIGNAL = new AbortController().signal;

/** Milliseconds that a pause takes at the most. */
async function within(ms: number, pausing: Promise<void>): Promise<void> {
  const late = new AbortController();
  const ended = await Promise.race([
    pausing.then(() => true),
    sleep(ms, false, { signal: late.signal }).catch(() => false),
  ]);
  late.abort();
  assert.ok(ended, `the pause ends within ${ms} ms`);
}

async function lasts(ms: number, pausing: Promise<void>): Promise<void> {
  const ended = await Promise.race([pausing.then(() => true), sleep(ms).then(() => false)]);
  assert.equal(ended, false, `the pause is not over after ${ms} ms`);
}

describe('the pace of looks', () => {
  it('is quick for what cannot be heard', async () => {
    await within(2_000, new Pace(TIMES).pause(SIGNAL));
  });

  it('is slow for what is heard and says nothing, and a word ends the pause', async () => {
    const pace = new Pace(TIMES);
    pace.heard(true);
    const pausing = pace.pause(SIGNAL);
    await lasts(100, pausing);
    pace.changed();
    await within(2_000, pausing);
  });

  it('is quick for a while after a word, also one that came while there was no pause', async () => {
    const pace = new Pace({ ...TIMES, alertMs: 60_000 });
    pace.heard(true);
    pace.changed();
    for (let look = 0; look < 3; look += 1) await within(2_000, pace.pause(SIGNAL));
  });

  it('looks no oftener than it may, whatever is said', async () => {
    const pace = new Pace({ oftenMs: 200, seldomMs: 60_000, alertMs: 60_000 });
    pace.heard(true);
    const pausing = pace.pause(SIGNAL);
    for (let word = 0; word < 10; word += 1) pace.changed();
    await lasts(100, pausing);
    await within(2_000, pausing);
  });

  it('comes to its seldom looks in the same moments as all others of the process', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const clock = { now: 50_000 };
    const ends: string[] = [];
    const begin = (seldomMs: number): void => {
      const pace = new Pace({ ...TIMES, seldomMs }, () => clock.now);
      pace.heard(true);
      const look = (): void =>
        void pace.pause(SIGNAL).then(() => {
          ends.push(`${seldomMs / 1_000} at ${clock.now / 1_000}`);
          look();
        });
      look();
    };
    begin(60_000);
    while (clock.now < 185_000) {
      clock.now += 1_000;
      t.mock.timers.tick(1_000);
      await new Promise(setImmediate);
      if (clock.now === 53_000) begin(120_000);
    }
    assert.deepEqual(ends.sort(), ['120 at 120', '60 at 120', '60 at 180', '60 at 60']);
  });

  it('lets a while pass after a word, however long the last look is ago, and however many words follow', async () => {
    const clock = { now: 0 };
    const pace = new Pace({ oftenMs: 20, seldomMs: 60_000, alertMs: 0, laterMs: 300 }, () => clock.now);
    pace.heard(true);
    const pausing = pace.pause(SIGNAL);
    clock.now = 30_000;
    pace.changed();
    await lasts(100, pausing);
    clock.now = 30_290;
    pace.changed();
    clock.now = 30_300;
    await within(2_000, pausing);
  });

  it('is not put off by a word where it does not rest', async () => {
    const pace = new Pace({ oftenMs: 100, seldomMs: 60_000, alertMs: 0, laterMs: 30_000 });
    const pausing = pace.pause(SIGNAL);
    pace.changed();
    await within(2_000, pausing);
  });

  it('is over when everything ends', async () => {
    const ending = new AbortController();
    const pausing = Pace.steady(60_000).pause(ending.signal);
    await lasts(20, pausing);
    ending.abort();
    await within(1_000, pausing);
  });
});
