/**
 * The reboot of a lab's node: its processes, network namespaces and everything in memory are gone, its boot id is another, and its disk is as it
 * was. The node shares its kernel with everybody, so the new boot id is mounted over the old one where its processes look.
 */
import { randomUUID } from 'node:crypto';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../deploy/lab/commands.ts';
import { pathOnHost, startPart, stopPart, type Lab, type LabNode } from '../../deploy/lab/lab.ts';
import { ON_NODE } from '../../deploy/lab/layout.ts';
import { partSpec } from '../../deploy/lab/parts.ts';
import { nodePart, startPodwirePart } from '../../deploy/lab/podwire.ts';
import { waitFor } from '../lab/harness.ts';
import { wiredSandboxes } from './node-truth.ts';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

interface RebootOptions {
  /** What is done to its disk, or said of it, while it is off. */
  readonly meanwhile?: () => Promise<void>;
}

/** Returns when kubelet and node worker were started again. The new boot id stays for as long as the lab. */
export async function reboot(lab: Lab, node: LabNode, { meanwhile }: RebootOptions = {}): Promise<void> {
  const kubelet = partSpec(lab, `kubelet-${node.name}`);
  if (kubelet === undefined) throw new Error(`${node.name} has no kubelet`);
  const inMounts = (...words: string[]): Promise<string> =>
    must('nsenter', [`--mount=${node.mountNsPath}`, '--', ...words]);
  await stopPart(lab, nodePart(node.name), 'SIGKILL');
  await stopPart(lab, kubelet.name, 'SIGKILL');
  for (const pid of await taskPids(node)) process.kill(pid, 'SIGKILL');
  for (const name of readdirSync(pathOnHost(lab, node.name, ON_NODE.netns)))
    await inMounts('umount', '--lazy', join(ON_NODE.netns, name));
  for (const folder of [ON_NODE.netns, ON_NODE.cniRun, '/run/podwire'].map((path) => pathOnHost(lab, node.name, path)))
    for (const file of readdirSync(folder)) rmSync(join(folder, file), { recursive: true, force: true });
  await waitFor('no pod to be wired', async () => ((await wiredSandboxes(node)).length === 0 ? true : undefined), {
    limitMs: 20_000,
  });
  await meanwhile?.();
  const bootFile = join(node.stateDir, 'boot-id');
  writeFileSync(bootFile, `${randomUUID()}\n`);
  await inMounts('mount', '--bind', bootFile, BOOT_ID);
  await startPart(lab, kubelet);
  await startPodwirePart(lab, nodePart(node.name));
}

/** First processes of all containers. */
async function taskPids(node: LabNode): Promise<number[]> {
  const tasks = await must('ctr', ['-a', node.criSocket, '-n', 'k8s.io', 'tasks', 'ls']);
  return tasks.split('\n').flatMap((line) => {
    const [, pid, status] = line.trim().split(/\s+/);
    return status === 'RUNNING' ? [Number(pid)] : [];
  });
}
