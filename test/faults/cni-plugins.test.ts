/** What plugins do wrong, in a lab: the pod's owner is told, half of a work is taken back, and it heals when the plugin does. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { startPodwire } from '../../deploy/lab/podwire.ts';
import { installFakePlugin } from '../fakes/cni-plugin/install.ts';
import { removePlugins } from '../lab/cni-grammar.ts';
import { bridgeConfig, defineNetworks, labNode, waitDetached, waitStatus, wantNetworks } from '../lab/cni-networks.ts';
import { labTest, waitEvent } from '../lab/harness.ts';
import { nothingLeaked } from '../lab/invariants.ts';
import { failingChain } from './cni-chain.ts';
import { Histories } from './histories.ts';
import {
  defineFaultyNetworks,
  half,
  HEALS_WITHIN_MS,
  toldTakenBackAndHealed,
  type PluginFault,
} from './plugin-fault.ts';

/** Of one plugin; the default is too long to wait for. */
const PLUGIN_LIMIT_SECONDS = 2;
const ROUNDS = 4;

// Each fault comes after the real bridge has made its link and reserved its address, so that there is a half to take back.
const FAULTS: readonly PluginFault[] = [
  {
    what: 'does half of its work and fails',
    type: 'vrf',
    rule: { delegate: half, exit: 1, print: '' },
    says: /CniFailed/,
  },
  {
    what: 'hangs with a child that holds its pipes',
    type: 'vlan',
    rule: { delegate: half, sleepMs: 60_000, grandchild: true },
    says: /CommandTimedOut/,
  },
  { what: 'prints garbage', type: 'ipvlan', rule: { delegate: half, print: '{"half":' }, says: /CniOutputInvalid/ },
  { what: 'prints 10 MB', type: 'dhcp', rule: { delegate: half, printBytes: 10_000_000 }, says: /CniResultTooBig/ },
  {
    what: 'dies by a signal',
    type: 'firewall',
    rule: { delegate: half, signal: 'SIGSEGV' },
    says: /CniFailed.*SIGSEGV/,
  },
];

describe('plugins that misbehave', () => {
  const t = labTest('cni-plugins');
  let pods: readonly PodRef[] = [];
  let histories: Histories;

  before(async () => {
    removePlugins(t.lab.nodes);
    histories = new Histories(t.lab);
    await startPodwire(t.lab, { env: { PODWIRE_CNI_TIMEOUT: String(PLUGIN_LIMIT_SECONDS) } });
    await defineFaultyNetworks(t, FAULTS);
    pods = await t.createPods(
      [...FAULTS, 'chain'].map((_, index) => ({ name: `p${index}`, node: t.node(index), label: false })),
    );
  });
  after(async () => {
    // Pods that a failed test left have lost their namespace by now.
    await waitDetached(t.lab, t.namespace).catch(() => undefined);
    removePlugins(t.lab.nodes);
    await histories.close();
  });

  describe('each on its own', { concurrency: 4 }, () => {
    for (const [index, fault] of FAULTS.entries()) {
      test(`a plugin that ${fault.what}: told, taken back, and attached once it behaves`, async () => {
        const pod = pods[index];
        assert.ok(pod);
        await toldTakenBackAndHealed(t, pod, labNode(t.lab, t.node(index)), fault);
      });
    }
  });

  test('a plugin that says by STATUS that it is not ready is waited for, and nothing is begun', async () => {
    const [pod] = pods;
    assert.ok(pod);
    const notReady = { code: 50, msg: 'the switch is not ready', times: 2, delegate: half };
    const plugin = installFakePlugin(labNode(t.lab, t.node(0)).cniBinDir, 'tuning', {
      STATUS: notReady,
      '*': { delegate: half },
    });
    const config = { ...bridgeConfig('with-status', 'br-status', '10.94.90.0/24'), type: 'tuning' };
    await defineNetworks(t.lab, t.namespace, { 'with-status': config });
    await wantNetworks(t.lab, pod, [{ name: 'with-status', interface: 'odd1' }]);
    await waitEvent(t.lab, pod, 'NetworkAttachFailing', /odd1.*CniTryAgain.*the switch is not ready/);
    await waitStatus(t.lab, pod, ['odd1 Attached'], HEALS_WITHIN_MS);
    assert.deepEqual(plugin.commands().slice(0, 4), ['STATUS', 'STATUS', 'STATUS', 'ADD']);
    await wantNetworks(t.lab, pod, null);
    await waitStatus(t.lab, pod, []);
  });

  test(`a chain whose second plugin fails ADD and DEL leaves the same after each of ${ROUNDS} rounds`, async (context) => {
    const pod = pods.at(-1);
    assert.ok(pod);
    const most = await failingChain(t, histories, labNode(t.lab, t.node(FAULTS.length)), pod, ROUNDS);
    context.diagnostic(`at most: ${JSON.stringify(most)}`);
    assert.ok(most.reservations <= 1 && most.ports <= 1 && most.files <= 1, JSON.stringify(most));
  });

  test('nothing is left when the pods are deleted, neither links nor addresses nor files', async () => {
    await t.deletePods(pods);
    await nothingLeaked(t.lab, { limitMs: 30_000 });
  });
});
