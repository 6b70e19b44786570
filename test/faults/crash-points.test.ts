/**
 * A worker dies at every step of attach and detach, several pods' crash points in one kill; podwire is started again, and
 * ExactlyOne, NothingLeaked, MeshComplete, IntentFirst and Repeatable hold. Each point by itself: test/full/crash-points.test.ts.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ORCHESTRATOR_PART } from '../../deploy/lab/podwire.ts';
import { labTest } from '../lab/harness.ts';
import { CrashBench } from './crash-bench.ts';
import { controlRound, coverPoints, nodeRound } from './crash-round.ts';
import { IntentFirstSampler } from './intent-first-sampler.ts';
import { controlPoints, nodePoints } from './step-list.ts';

describe('crash points of attach and detach', () => {
  const context = labTest('crash');
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

  test('node workers are killed at every step of theirs, and every pod has its links exactly once', async (t) => {
    await coverPoints(t, context.lab, bench, nodePoints(true), nodeRound);
    await bench.invariants();
    await bench.repeatable();
  });

  test(`${ORCHESTRATOR_PART} is killed at every step of its own, and every pod has its links exactly once`, async (t) => {
    const points = controlPoints(true).filter(({ act }) => act !== 'gone');
    await coverPoints(t, context.lab, bench, points, controlRound);
    await bench.invariants();
    await bench.repeatable();
  });

  test('IntentFirst held at every look, and no workflow task failed', async () => {
    assert.deepEqual(await sampler.stop(), []);
    assert.ok(sampler.looks > 10, `only ${sampler.looks} looks`);
    assert.deepEqual(await bench.histories.failedTasks(startedAt), []);
  });
});
