/** A plugin that is taken away in the middle of its work, as by an update of the node: half a minute and more, for it has to be told first. */
import { after, before, describe, test } from 'node:test';
import { removePlugins } from '../lab/cni-grammar.ts';
import { labNode, waitDetached } from '../lab/cni-networks.ts';
import { labTest } from '../lab/harness.ts';
import { nothingLeaked } from '../lab/invariants.ts';
import { defineFaultyNetworks, half, toldTakenBackAndHealed, type PluginFault } from '../faults/plugin-fault.ts';

const FAULT: PluginFault = {
  what: 'disappears when it has done half, and comes back',
  // Found in no other directory: another program of its name would be executed instead.
  type: 'whereabouts',
  rule: { delegate: half, exit: 1, print: '', disappear: true },
  says: /CniFailed/,
};

describe('a plugin that is taken away', () => {
  const t = labTest('cni-gone');

  before(async () => {
    removePlugins(t.lab.nodes);
    await defineFaultyNetworks(t, [FAULT]);
  });
  after(async () => {
    // Pods that a failed test left have lost their namespace by now.
    await waitDetached(t.lab, t.namespace).catch(() => undefined);
    removePlugins(t.lab.nodes);
  });

  test('when it has done half, and comes back: told, taken back, attached once it is there, and nothing is left', async () => {
    const [pod] = await t.createPods([{ name: 'p', node: t.node(0), label: false }]);
    if (pod === undefined) throw new Error('no pod');
    await toldTakenBackAndHealed(t, pod, labNode(t.lab, t.node(0)), FAULT);
    await t.deletePods([pod]);
    await nothingLeaked(t.lab, { limitMs: 30_000 });
  });
});
