/**
 * A mount namespace per node, which holds all of its processes, so that each has the folders of a machine of its own under the names they have
 * everywhere. Its root is shared, as systemd has it, so that pods may ask for mount propagation; nothing of it reaches the host, and all
 * mounts vanish with its last process and the file that pins it. A process that lasts as long as the lab lets the host look into it.
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { attempt, findProgram, must } from './commands.ts';
import { NETNS_ROOT, ON_NODE, RUN_ROOT, STATE_ROOT, type NodeLayout } from './layout.ts';
import type { PartSpec } from './parts.ts';

/** Folders of the host's root that nodes mount theirs on; they stay empty. */
export const MOUNT_POINTS: readonly string[] = Object.values(ON_NODE).filter((path) => !path.startsWith('/run/'));

/** Makes the node's mount namespace and completes a half-made one; what is there is kept. */
export async function ensureNodeMounts(node: NodeLayout): Promise<void> {
  const pin = node.mountNsPath;
  const folders = { ...node.folders, '/run': node.runFiles };
  for (const dir of [...Object.values(folders), ...MOUNT_POINTS, dirname(pin)])
    mkdirSync(dir, { recursive: true, mode: 0o755 });
  // /run/netns and its like are made by who needs them first; whoever mounts them into a pod finds them.
  for (const path of [ON_NODE.netns, ON_NODE.cniRun, dirname(ON_NODE.criSocket)])
    mkdirSync(join(node.runDir, path), { recursive: true, mode: 0o755 });
  if (!isMountPoint(pin)) {
    // Private: the kernel refuses to mount a mount namespace where it would be propagated into itself.
    if (!isMountPoint(dirname(pin))) await must('mount', ['--bind', dirname(pin), dirname(pin)]);
    await must('mount', ['--make-private', dirname(pin)]);
    writeFileSync(pin, '');
    await must('unshare', [`--mount=${pin}`, '--propagation', 'private', '--', 'true']);
    await dropOtherLabs(pin);
  }
  for (const [path, folder] of Object.entries(folders)) await mountInside(pin, folder, path);
  await must('nsenter', [`--mount=${pin}`, '--', 'mount', '--make-rshared', '/']);
}

/** The new namespace has copies of other labs' mounts, which the node has no use for, and which would outlive those labs. */
async function dropOtherLabs(pin: string): Promise<void> {
  const places = [NETNS_ROOT, RUN_ROOT, STATE_ROOT].map((dir) => `${dir}/`);
  const copies = mountPoints().filter((path) => places.some((place) => path.startsWith(place)));
  // The kernel copied no mount namespaces, and other labs may have gone meanwhile: what is not there is fine.
  if (copies.length > 0) await attempt('nsenter', [`--mount=${pin}`, '--', 'umount', '--lazy', ...copies.reverse()]);
}

/** A crash may have ended the run that made the namespace before its folders were in it. */
async function mountInside(pin: string, folder: string, path: string): Promise<void> {
  const inside = (argv: readonly string[]): Promise<string> => must('nsenter', [`--mount=${pin}`, '--', ...argv]);
  const { dev, ino } = statSync(folder);
  if ((await inside(['stat', '--format=%d:%i', path])).trim() === `${dev}:${ino}`) return;
  // /run is mounted last: until then the folders of the host's /run are in sight.
  await inside(['mount', '--bind', folder, path]);
}

/** Does nothing, in the node's namespaces: through its /proc/PID/root the host sees the node's files and its pods' network namespaces. */
export function holderPart(node: NodeLayout): PartSpec {
  return {
    name: `node-${node.name}`,
    netnsPath: node.netnsPath,
    mountNsPath: node.mountNsPath,
    file: findProgram('sleep') ?? '/usr/bin/sleep',
    args: ['infinity'],
    env: {},
  };
}

const isMountPoint = (path: string): boolean => mountPoints().includes(path);

/** In the order of mounting (proc(5), /proc/PID/mountinfo, field 5). */
function mountPoints(): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n');
  return lines.map((line) => line.split(' ')[4] ?? '');
}
