/** A plugin on one node and the worker of another are away for minutes: what is asked for meanwhile is done soon after their return. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { LabNode } from '../../deploy/lab/lab.ts';
import { everythingOr } from './chosen-points.ts';
import { AWAY_TYPE, installAwayPlugin, toggledDuring, workerAway } from './cni-figures-outage.ts';
import { FigurePods, type DesiredNetwork } from './cni-figures-pods.ts';
import { bridgeConfig, defineNetworks } from '../lab/cni-networks.ts';
import { labTest } from '../lab/harness.ts';
import { nothingLeaked } from '../lab/invariants.ts';

const PODS = 10;
/** Either is longer than the longest pause between two attempts. */
const AWAY_MS = everythingOr(5 * 60_000, 100_000);
const LIMIT = { limitMs: 60_000 };
const AWAY: DesiredNetwork = { name: 'longaway', interface: 'away0' };

describe('a long outage under CNI networks', () => {
  const context = labTest('cnilong');
  const sets: FigurePods[] = [];
  const installed: ReturnType<typeof installAwayPlugin>[] = [];

  before(async () => {
    const config = { ...bridgeConfig(AWAY.name, 'br-longaway', '10.61.1.0/24'), type: AWAY_TYPE };
    await defineNetworks(context.lab, context.namespace, { [AWAY.name]: config });
    for (const node of context.lab.nodes.slice(0, 2)) {
      installed.push(installAwayPlugin(node));
      const names = Array.from({ length: PODS }, (_, index) => ({ name: `${node.name}-${index}`, node: node.name }));
      const set = new FigurePods(context.lab, context.namespace, node, [AWAY.name]);
      sets.push(set);
      await set.follow(await context.createPods(names));
      await Promise.all(set.pods.slice(0, PODS / 2).map((pod) => set.ask(pod, [AWAY])));
      await set.converged(performance.now(), LIMIT.limitMs);
    }
  });
  after(async () => {
    // What is still attached needs its plugin once more.
    for (const set of sets) {
      await context.deletePods(set.pods);
      await set.released(LIMIT.limitMs);
    }
    for (const plugin of installed) plugin.remove();
    for (const set of sets) await set.close();
  });

  test(`${PODS} attaches and detaches each are done within 60 s of the return after ${AWAY_MS / 1_000} s`, async (t) => {
    const [first, second] = sets as [FigurePods, FigurePods];
    const node = context.lab.nodes[1] as LabNode;
    const [plugin, worker] = await Promise.all([
      toggledDuring(first, AWAY, async () => installed[0]?.away(AWAY_MS)),
      toggledDuring(second, AWAY, () => workerAway(context.lab, node, AWAY_MS)),
    ]);
    t.diagnostic(
      `done ${(plugin / 1000).toFixed(1)} s after the return of the plugin, ${(worker / 1000).toFixed(1)} s after that of the worker`,
    );
    await nothingLeaked(context.lab, LIMIT);
    assert.deepEqual((await Promise.all(sets.map((set) => set.wrong()))).flat(), []);
  });
});
