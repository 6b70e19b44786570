/** A node worker dies while one CNI network takes the place of another one, and while that is taken back: the interface has one of them, once. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { nodePart, startPodwirePart } from '../../deploy/lab/podwire.ts';
import { holdAndKill } from '../faults/hold-and-kill.ts';
import {
  bridgeConfig,
  bridgePorts,
  defineNetworks,
  reservations,
  waitStatus,
  wantNetworks,
} from '../lab/cni-networks.ts';
import { labTest, waitFor, waitLink } from '../lab/harness.ts';
import { intentFirst, nothingLeaked, statusTruth } from '../lab/invariants.ts';
import { chosenPoints } from './chosen-points.ts';

const SETTLED = { limitMs: 90_000 };
const INTERFACE = 'edit0';
const POINTS = ['cniAdd:after-undo', 'cniAdd:after-journal', 'cniAdd:after-plugins'];

describe('a node worker', () => {
  const t = labTest('cni-edit-crash');
  let pod: PodRef;

  before(async () => {
    await defineNetworks(t.lab, t.namespace, {
      ca: bridgeConfig('ca', 'br-ca', '10.97.1.0/24'),
      cb: bridgeConfig('cb', 'br-cb', '10.97.2.0/24'),
      parentless: { cniVersion: '1.0.0', name: 'parentless', type: 'macvlan', master: 'never-there', ipam: {} },
    });
    [pod] = (await t.createPods([{ name: 'edited', node: t.node(0), label: false }])) as [PodRef];
  });

  const wants = (name: string): Promise<void> => wantNetworks(t.lab, pod, [{ name, interface: INTERFACE }]);

  /** The pod has this network and nothing of the other one. */
  const has = async (name: 'ca' | 'cb', status: readonly string[]): Promise<void> => {
    const subnet = name === 'ca' ? '10.97.1.' : '10.97.2.';
    const right = (addresses: readonly string[]): boolean =>
      addresses.length === 1 && addresses.join().startsWith(subnet);
    await waitStatus(t.lab, pod, status, SETTLED.limitMs);
    await waitLink(t.lab, pod, INTERFACE, (link) => link?.up === true && right(link.addresses), SETTLED.limitMs);
    for (const each of ['ca', 'cb']) {
      const wanted = each === name ? 1 : 0;
      const kept = async (): Promise<readonly number[]> => [
        reservations(t.lab, t.node(0), each).length,
        (await bridgePorts(t.lab, t.node(0), `br-${each}`)).length,
      ];
      await waitFor(
        `${each} to be held ${wanted} times`,
        async () => {
          const counts = await kept();
          return counts.every((count) => count === wanted) ? true : undefined;
        },
        SETTLED,
      );
    }
    await statusTruth(t.lab, [pod], SETTLED);
    await nothingLeaked(t.lab, SETTLED);
  };

  const killedAt = async (point: string, act: () => Promise<void>): Promise<void> => {
    const part = nodePart(t.node(0));
    const hit = await holdAndKill(t.lab, part, { points: [point], holdMs: 4_000, act });
    assert.deepEqual(hit, [point]);
    await intentFirst(t.lab);
    await startPodwirePart(t.lab, part);
  };

  for (const point of chosenPoints(POINTS)) {
    test(`dies at ${point} of an edit: the new network is attached, and nothing is left of the old one`, async () => {
      await wants('ca');
      await has('ca', [`${INTERFACE} Attached`]);
      await killedAt(point, () => wants('cb'));
      await has('cb', [`${INTERFACE} Attached`]);
    });
  }

  for (const point of chosenPoints(['cniAdd:after-undo', 'cniAdd:after-failure'])) {
    test(`dies at ${point} of an edit that fails: the old network is there again`, async () => {
      await wants('ca');
      await has('ca', [`${INTERFACE} Attached`]);
      await killedAt(point, () => wants('parentless'));
      await has('ca', [`${INTERFACE} Attached`, `${INTERFACE} Refused`]);
    });
  }
});
