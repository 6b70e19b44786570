/** What becomes of nodes whose pods' network is podwire: one is drained, and one is replaced by another machine of its name with other pod subnets. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { apply, field } from '../../deploy/demo/cluster.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { kubectl, pathOnHost } from '../../deploy/lab/lab.ts';
import { waitFor } from '../lab/harness.ts';
import { allAgree, heldLeases } from '../primary/node-truth.ts';
import { ownLab, type PodOfNode } from '../primary/own-lab.ts';
import { answering, answerOf, netnsOf } from '../primary/reach.ts';
import { reboot } from '../primary/reboot.ts';

const SOON = { limitMs: 60_000, everyMs: 300 };
const OTHER_SUBNETS = ['10.244.77.0/24', 'fd00:10:244:77::/64'];

describe('a node whose pods have their network of podwire', () => {
  const t = ownLab();
  let stays: PodRef;
  const web = (name: string, node: number): PodOfNode => ({ name, node: t.node(node), command: answering(name) });
  const addressesOf = async (pod: PodRef): Promise<string[]> =>
    (await field(t.lab, pod, '{.status.podIPs[*].ip}')).split(' ');
  const reach = async (from: PodRef, to: PodRef): Promise<void> => {
    for (const address of await addressesOf(to))
      assert.equal(await answerOf(await netnsOf(t.lab, from), address), to.name);
  };
  const removed = async (name: string): Promise<void> => {
    await waitFor(
      `${name} to be gone`,
      async () =>
        (await kubectl(t.lab, ['-n', t.namespace, 'get', 'pods', '-o', 'name'])).includes(`/${name}\n`)
          ? undefined
          : true,
      SOON,
    );
  };

  before(async () => {
    [stays] = (await t.run([web('stays', 0)])) as [PodRef];
  });

  test('has no address in use when it was drained, and serves pods again when it is uncordoned', async () => {
    const node = t.node(1);
    await t.run([web('drained-a', 1), web('drained-b', 1)]);
    const drain = ['drain', node.name, '--force', '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=60s'];
    await kubectl(t.lab, [...drain, '--grace-period=1']);
    await removed('drained-b');
    await waitFor('no lease', async () => heldLeases(t.lab, node).length === 0 || undefined, SOON);
    await kubectl(t.lab, ['uncordon', node.name]);
    const [again] = (await t.run([web('again', 1)])) as [PodRef];
    await reach(stays, again);
    await allAgree(t.lab);
  });

  test('is reached at its new pod subnets when another machine comes by its name, and nobody keeps the old way', async () => {
    const node = t.node(1);
    const old = await addressesOf(t.pod('again'));
    await reboot(t.lab, node, {
      meanwhile: async () => {
        await kubectl(t.lab, ['delete', 'node', node.name]);
        await kubectl(t.lab, [
          '-n',
          t.namespace,
          'delete',
          'pod',
          'again',
          '--force',
          '--grace-period=0',
          '--ignore-not-found',
        ]);
        // Its folder itself is where the disk of a lab's node is mounted.
        const disk = pathOnHost(t.lab, node.name, '/var/lib/podwire');
        for (const name of readdirSync(disk)) rmSync(join(disk, name), { recursive: true });
        await apply(t.lab, [
          {
            ...{ apiVersion: 'v1', kind: 'Node', metadata: { name: node.name } },
            spec: { podCIDR: OTHER_SUBNETS[0], podCIDRs: OTHER_SUBNETS },
          },
        ]);
      },
    });
    const wait = ['wait', '--for=condition=Ready', `node/${node.name}`, '--timeout=2s'];
    await waitFor('the node to be Ready', () => kubectl(t.lab, wait), SOON);
    const [there] = (await t.run([web('there', 1)])) as [PodRef];
    const addresses = await addressesOf(there);
    assert.deepEqual(
      addresses.map((address) => [address.startsWith('10.244.77.'), address.startsWith('fd00:10:244:77:')]),
      [
        [true, false],
        [false, true],
      ],
      addresses.join(),
    );
    await reach(stays, there);
    await reach(there, stays);
    assert.ok(old.every((address) => !addresses.includes(address)));
    await allAgree(t.lab, 90_000);
  });
});
