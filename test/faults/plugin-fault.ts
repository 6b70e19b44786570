/** One thing that a plugin does wrong, once, in a lab, and what has to come of it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { installFakePlugin, type FakeRule } from '../fakes/cni-plugin/install.ts';
import { cniGrammar, realPlugin } from '../lab/cni-grammar.ts';
import {
  bridgeConfig,
  bridgePorts,
  defineNetworks,
  reservations,
  waitStatus,
  wantNetworks,
  type labNode,
} from '../lab/cni-networks.ts';
import { waitEvent, waitFor, waitLink, type LabTest } from '../lab/harness.ts';

export interface PluginFault {
  readonly what: string;
  /** A plugin that is allowed and that this lab has no other use for. */
  readonly type: string;
  readonly rule: FakeRule;
  readonly says: RegExp;
}

/** The real bridge makes its link and reserves its address before the fault, so that there is a half to take back. */
export const half = realPlugin('bridge');

/** Five tries with pauses, and one after half a minute. */
export const HEALS_WITHIN_MS = 60_000;

const networkOf = ({ type }: PluginFault): string => `with-${type}`;

/** A network for each. */
export async function defineFaultyNetworks(t: LabTest, faults: readonly PluginFault[]): Promise<void> {
  const networks = faults.map((fault, index) => {
    const config = bridgeConfig(networkOf(fault), `br-${fault.type}`, `10.94.${index}.0/24`);
    return [networkOf(fault), { ...config, type: fault.type }] as const;
  });
  await defineNetworks(t.lab, t.namespace, Object.fromEntries(networks));
}

/** @param node the pod's */
export async function toldTakenBackAndHealed(
  t: LabTest,
  pod: PodRef,
  node: ReturnType<typeof labNode>,
  fault: PluginFault,
): Promise<void> {
  const { type, rule, says } = fault;
  const network = networkOf(fault);
  const plugin = installFakePlugin(node.cniBinDir, type, {
    ADD: { ...rule, times: 1 },
    '*': { delegate: half },
  });
  await wantNetworks(t.lab, pod, [{ name: network, interface: 'odd0' }]);
  const { message } = await waitEvent(t.lab, pod, 'NetworkAttachFailing', says);
  assert.match(message, new RegExp(`odd0.*${type}`));
  const children = plugin.events().filter(({ event }) => event === 'grandchild');
  await waitFor(
    'the end of what the plugin started',
    async () => (children.every(({ pid }) => hasEnded(pid)) ? true : undefined),
    { limitMs: 3_000 },
  );
  if (rule.disappear === true) {
    // Said when the quick tries are over, about 15 s after the first.
    await waitStatus(t.lab, pod, (status) => status[0]?.code === 'CniPluginMissing', 40_000);
    plugin.restore();
  }
  await waitStatus(t.lab, pod, ['odd0 Attached'], HEALS_WITHIN_MS);
  await waitLink(t.lab, pod, 'odd0', (link) => link?.up === true && link.addresses.length === 1);
  assert.equal(reservations(t.lab, node.name, network).length, 1);
  assert.equal((await bridgePorts(t.lab, node.name, `br-${type}`)).length, 1);
  await wantNetworks(t.lab, pod, null);
  await waitStatus(t.lab, pod, []);
  assert.deepEqual(reservations(t.lab, node.name, network), []);
  assert.deepEqual(await bridgePorts(t.lab, node.name, `br-${type}`), []);
  const commands = plugin.commands().filter((command) => !['VERSION', 'STATUS'].includes(command));
  assert.equal(commands[0], 'ADD');
  assert.equal(commands.at(-1), 'DEL');
  assert.equal(commands.filter((command) => command === 'ADD').length, 2);
  cniGrammar([plugin]);
}

/** Also of one that nobody has waited for yet. */
function hasEnded(pid: number): boolean {
  try {
    return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
}
