/**
 * A node is rebooted: its sandboxes, bridges and everything in memory are gone, its boot id is another, and what plugins keep on disk is
 * still there. The node of a lab shares its kernel with everybody, so the new boot id is mounted over the old one where its worker looks.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { must } from '../../deploy/lab/commands.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { inNetns, kubectl, partPid, pathOnHost, startPart, stopPart, type LabNode } from '../../deploy/lab/lab.ts';
import { partSpec } from '../../deploy/lab/parts.ts';
import { nodePart, startPodwire } from '../../deploy/lab/podwire.ts';
import { cniGrammar, recordPlugin, removePlugins } from '../lab/cni-grammar.ts';
import { bridgeConfig, defineNetworks, labNode, reservations, wantNetworks } from '../lab/cni-networks.ts';
import { labTest, waitFor, waitLink } from '../lab/harness.ts';
import { nothingLeaked } from '../lab/invariants.ts';
import { endSandbox, sandboxId } from '../lab/sandbox.ts';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

describe('a node that was rebooted', () => {
  const t = labTest('cni-reboot');
  let node: LabNode;
  let bootFile: string;
  let mounted = false;

  before(async () => {
    node = labNode(t.lab, t.node(2));
    bootFile = join(node.stateDir, 'boot-id');
    removePlugins([node]);
    await defineNetworks(t.lab, t.namespace, { boot: bridgeConfig('boot', 'br-boot', '10.98.0.0/24') });
  });
  after(async () => {
    await stopPart(t.lab, nodePart(node.name));
    if (mounted) await inMounts('umount', BOOT_ID);
    rmSync(bootFile, { force: true });
    removePlugins([node]);
    const kubelet = partSpec(t.lab, `kubelet-${node.name}`);
    if (kubelet !== undefined) await startPart(t.lab, kubelet);
    await startPodwire(t.lab);
  });

  const inMounts = (...words: string[]): Promise<string> =>
    must('nsenter', [`--mount=${node.mountNsPath}`, '--', ...words]);

  /** What is lost with the memory of a machine. */
  async function reboot(pods: readonly PodRef[]): Promise<void> {
    await stopPart(t.lab, nodePart(node.name), 'SIGKILL');
    await stopPart(t.lab, `kubelet-${node.name}`, 'SIGKILL');
    await Promise.all(pods.map((pod) => endSandbox(t.lab, pod)));
    await inNetns(node.netnsPath, 'ip', ['link', 'delete', 'br-boot']);
    for (const runDir of ['/run/cni', '/run/podwire'].map((path) => pathOnHost(t.lab, node.name, path)))
      for (const file of readdirSync(runDir)) rmSync(join(runDir, file), { recursive: true, force: true });
    writeFileSync(bootFile, `${randomUUID()}\n`);
    await inMounts('mount', '--bind', bootFile, BOOT_ID);
    mounted = true;
  }

  test('gives every old address back once, and attaches the pods that come back', async () => {
    const recorder = recordPlugin(node, 'bridge');
    const pods = await t.createPods(
      ['back', 'ended', 'deleted'].map((name) => ({
        name,
        node: node.name,
        label: false,
        spec: { restartPolicy: name === 'back' ? 'Always' : 'Never' },
      })),
    );
    const [back, , deleted] = pods as [PodRef, PodRef, PodRef];
    await Promise.all(pods.map((pod) => wantNetworks(t.lab, pod, [{ name: 'boot', interface: 'boot0' }])));
    await Promise.all(pods.map((pod) => waitLink(t.lab, pod, 'boot0', (link) => link?.up === true)));
    assert.equal(reservations(t.lab, node.name, 'boot').length, 3);
    const old = await Promise.all(pods.map((pod) => sandboxId(t.lab, pod)));

    await reboot(pods);
    assert.equal(reservations(t.lab, node.name, 'boot').length, 3, 'a disk forgets nothing');
    await kubectl(t.lab, ['-n', t.namespace, 'delete', 'pod', deleted.name, '--force', '--grace-period=0']);
    const kubelet = partSpec(t.lab, `kubelet-${node.name}`);
    assert.ok(kubelet);
    await startPart(t.lab, kubelet);
    await startPodwire(t.lab);
    assert.ok(partPid(t.lab, nodePart(node.name)));

    await waitFor(
      'a new sandbox of the pod that comes back',
      async () => ((await sandboxId(t.lab, back)) === old[0] ? undefined : true),
      { limitMs: 60_000 },
    );
    await waitLink(t.lab, back, 'boot0', (link) => link?.up === true && link.addresses.length === 1, 60_000);
    await waitFor(
      'one reservation',
      async () => (reservations(t.lab, node.name, 'boot').length === 1 ? true : undefined),
      { limitMs: 60_000 },
    );
    await nothingLeaked(t.lab, { limitMs: 60_000 });
    const deletions = recorder
      .events()
      .filter(
        ({ event, command, env }) =>
          event === 'start' && command === 'DEL' && old.includes(env['CNI_CONTAINERID'] ?? ''),
      );
    assert.ok(
      deletions.every(({ env }) => (env['CNI_NETNS'] ?? '') === ''),
      'an old netns is never entered',
    );
    assert.deepEqual(deletions.map(({ env }) => env['CNI_CONTAINERID']).sort(), [...old].sort(), 'each freed once');
    cniGrammar([recorder]);
  });
});
