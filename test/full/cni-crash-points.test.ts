/** Crash points of a CNI attachment by themselves, one kill after the other. */
import { after, before, describe, test } from 'node:test';
import { CniCrashBench, coverCniPoints } from '../faults/cni-crash-bench.ts';
import { cniPoints } from '../faults/step-list.ts';
import { labTest } from '../lab/harness.ts';
import { chosenPoints } from './chosen-points.ts';

describe('each crash point of a CNI attachment alone', () => {
  const t = labTest('cni-crash-full');
  let bench: CniCrashBench;

  before(async () => {
    bench = await CniCrashBench.create(t, 1);
  });
  after(() => bench.close());

  for (const point of chosenPoints(cniPoints())) {
    test(`a node worker is killed at ${point.point} of ${point.act}`, async () => {
      await coverCniPoints(bench, [t.node(0)], [point], 1);
    });
  }
});
