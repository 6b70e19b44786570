/** A chain whose second plugin fails ADD, and DEL every other time, over and over: nothing may grow while it does. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { field } from '../../deploy/demo/cluster.ts';
import type { LabNode } from '../../deploy/lab/lab.ts';
import { installFakePlugin } from '../fakes/cni-plugin/install.ts';
import {
  bridgeConfig,
  bridgePorts,
  defineNetworks,
  reservations,
  waitStatus,
  wantNetworks,
} from '../lab/cni-networks.ts';
import { cniGrammar, recordPlugin } from '../lab/cni-grammar.ts';
import { waitFor, type LabTest } from '../lab/harness.ts';
import { readKeys } from '../lab/records.ts';
import type { Histories } from './histories.ts';

const WITHIN = { limitMs: 30_000, everyMs: 30 };

export interface Left {
  readonly reservations: number;
  readonly ports: number;
  readonly files: number;
  readonly keys: number;
}

/**
 * Runs the rounds, each with two tries and a DEL that fails, and then lets the chain succeed and be detached.
 *
 * @param node where the pod runs; its plugins `bridge` and `sbr` are replaced by recorders
 * @returns the most that was there at the end of any round
 */
export async function failingChain(
  t: LabTest,
  histories: Histories,
  node: LabNode,
  pod: PodRef,
  rounds: number,
): Promise<Left> {
  const bridge = recordPlugin(node, 'bridge');
  // Fault: a plugin at the end of a chain that fails, and that cannot be undone at first.
  const second = installFakePlugin(node.cniBinDir, 'sbr');
  const config = bridgeConfig('chain', 'br-chain', '10.95.0.0/24') as { cniVersion: string; name: string };
  const { cniVersion, name, ...first } = config;
  await defineNetworks(t.lab, t.namespace, { chain: { cniVersion, name, plugins: [first, { type: 'sbr' }] } });
  const identity = { ...pod, uid: await field(t.lab, pod, '{.metadata.uid}') };
  const tries = (): number => second.commands().filter((command) => command === 'ADD').length;
  const look = async (): Promise<Left> => ({
    reservations: reservations(t.lab, node.name, 'chain').length,
    ports: (await bridgePorts(t.lab, node.name, 'br-chain')).length,
    files: readdirSync(join(node.root, '/var/lib/podwire/cni')).length,
    keys: (await readKeys(t.lab)).filter(({ key }) => key.includes(identity.uid)).length,
  });

  let most: Left = { reservations: 0, ports: 0, files: 0, keys: 0 };
  const fail = { ADD: { code: 100, msg: 'second fails' }, DEL: { times: 1, code: 100, msg: 'not now' } };
  second.control(fail);
  await wantNetworks(t.lab, pod, [{ name: 'chain', interface: 'chain0' }]);
  await waitFor('the first try', async () => (tries() > 0 ? true : undefined), WITHIN);
  for (let round = 0; round < rounds; round += 1) {
    second.control(fail);
    const before = tries();
    for (let at = 1; at <= 2; at += 1) {
      await histories.retryNow(identity);
      await waitFor(`try ${at} of round ${round}`, async () => (tries() >= before + at ? true : undefined), WITHIN);
    }
    const seen = await look();
    most = {
      reservations: Math.max(most.reservations, seen.reservations),
      ports: Math.max(most.ports, seen.ports),
      files: Math.max(most.files, seen.files),
      keys: Math.max(most.keys, seen.keys),
    };
  }
  second.control({});
  await histories.retryNow(identity);
  await waitStatus(t.lab, pod, ['chain0 Attached'], 30_000);
  assert.deepEqual(await look().then(({ reservations: held, ports, files }) => [held, ports, files]), [1, 1, 1]);
  await wantNetworks(t.lab, pod, null);
  await waitStatus(t.lab, pod, []);
  assert.deepEqual(await look().then(({ reservations: held, ports, files }) => [held, ports, files]), [0, 0, 0]);
  cniGrammar([bridge]);
  cniGrammar([second]);
  return most;
}
