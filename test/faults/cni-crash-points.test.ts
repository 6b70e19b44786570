/**
 * Node workers die at every step of a CNI attach and detach, several pods' crash points in one kill, and while a plugin runs. Each point
 * by itself: test/full/cni-crash-points.test.ts.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { labTest } from '../lab/harness.ts';
import { CniCrashBench, coverCniPoints } from './cni-crash-bench.ts';
import { cniPoints } from './step-list.ts';

const PER_NODE = 2;

describe('crash points of CNI attachments', () => {
  const t = labTest('cni-crash');
  let bench: CniCrashBench;

  before(async () => {
    bench = await CniCrashBench.create(t, PER_NODE);
  });
  after(() => bench.close());

  test('node workers are killed at every step of attach and detach: each interface once, each address once', async (context) => {
    const points = cniPoints();
    assert.ok(points.length >= 9, 'the points are found in the source');
    const nodes = t.lab.nodes.map(({ name }) => name);
    const rounds = await coverCniPoints(bench, nodes, points, PER_NODE);
    for (const line of rounds) context.diagnostic(line);
    await bench.statusIsTrue();
  });

  test('a node worker is killed while its plugins run: they end with it, and what they had made is made anew', async () => {
    const node = t.node(0);
    if (bench.isAttached(node)) await bench.undisturbed([{ node, act: 'detach' }]);
    await bench.killWhilePluginsRun(node);
  });
});
