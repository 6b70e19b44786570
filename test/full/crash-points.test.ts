/** Crash points by themselves, for every act that comes along them: about fifty kills in all, one after the other. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CrashBench } from '../faults/crash-bench.ts';
import { controlRound, coverPoints, nodeRound, type Round } from '../faults/crash-round.ts';
import { IntentFirstSampler } from '../faults/intent-first-sampler.ts';
import { controlPoints, nodePoints, type CrashPoint } from '../faults/step-list.ts';
import { labTest } from '../lab/harness.ts';
import { chosenPoints } from './chosen-points.ts';

describe('each crash point alone', () => {
  const context = labTest('crash-full');
  const startedAt = new Date();
  let bench: CrashBench;
  let sampler: IntentFirstSampler;

  before(async () => {
    bench = await CrashBench.create(context);
    sampler = new IntentFirstSampler(context.lab);
  });
  after(async () => {
    await sampler.stop();
    await bench.close();
  });

  const oneByOne = (worker: string, points: readonly CrashPoint[], round: Round): void => {
    for (const each of chosenPoints(alternating(points.filter(({ act }) => act !== 'gone')))) {
      test(`${worker} is killed at ${each.point} of ${each.act}`, (t) =>
        coverPoints(t, context.lab, bench, [each], round));
    }
    test(`after all kills of the ${worker} every invariant holds, and a repetition changes nothing`, async () => {
      await bench.invariants();
      await bench.repeatable();
    });
  };
  oneByOne('node worker', nodePoints(false), nodeRound);
  oneByOne('orchestrator', controlPoints(false), controlRound);

  test('IntentFirst held at every look, and no workflow task failed', async () => {
    assert.deepEqual(await sampler.stop(), []);
    assert.deepEqual(await bench.histories.failedTasks(startedAt), []);
  });
});

/** An attach after each detach, so that nothing has to be brought back in between. */
function alternating(points: readonly CrashPoint[]): CrashPoint[] {
  const attaches = points.filter(({ act }) => act === 'attach' || act === 'fail');
  const others = points.filter((each) => !attaches.includes(each));
  const longer = Math.max(attaches.length, others.length);
  return Array.from({ length: longer }, (_, index) => [attaches[index], others[index]])
    .flat()
    .filter((each) => each !== undefined);
}
