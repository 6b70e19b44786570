/** Fifty rounds of a chain whose second plugin fails ADD and DEL: links, reservations, files and records stay as many as after the first. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { failingChain } from '../faults/cni-chain.ts';
import { Histories } from '../faults/histories.ts';
import { removePlugins } from '../lab/cni-grammar.ts';
import { labNode, waitDetached } from '../lab/cni-networks.ts';
import { labTest } from '../lab/harness.ts';
import { nothingLeaked } from '../lab/invariants.ts';

const ROUNDS = 50;
/** Intent, its failure, the pod's node and the published sandbox. */
const MOST_KEYS = 5;

describe('a chain that fails for long', () => {
  const t = labTest('cni-chain');
  let histories: Histories;

  before(() => {
    removePlugins(t.lab.nodes);
    histories = new Histories(t.lab);
  });
  after(async () => {
    // Pods that a failed test left have lost their namespace by now.
    await waitDetached(t.lab, t.namespace).catch(() => undefined);
    removePlugins(t.lab.nodes);
    await histories.close();
  });

  test(`grows nothing over ${ROUNDS} rounds, and is attached when it succeeds`, async (context) => {
    const [pod] = await t.createPods([{ name: 'p', node: t.node(0), label: false }]);
    assert.ok(pod);
    const most = await failingChain(t, histories, labNode(t.lab, t.node(0)), pod, ROUNDS);
    context.diagnostic(`at most: ${JSON.stringify(most)}`);
    assert.ok(most.reservations <= 1 && most.ports <= 1 && most.files <= 1 && most.keys <= MOST_KEYS);
    await nothingLeaked(t.lab, { limitMs: 30_000 });
  });
});
