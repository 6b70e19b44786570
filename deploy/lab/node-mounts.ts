/**
 * A mount namespace per node for podwire's node worker and the CNI plugins it runs: there /var/lib/cni and /run/cni are the node's own, as
 * if every node had a disk of its own. containerd stays outside (its primary network names a data directory of its own), so that
 * whoever looks from the host sees all of its mounts.
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { must } from './commands.ts';
import type { NodeLayout } from './layout.ts';

/** What plugins take for their node's: reservations that outlive a reboot, and what a reboot removes. */
const CNI_LIB = '/var/lib/cni';
const CNI_RUN = '/run/cni';

/** Where the node's containerd mounts its pods' network namespaces. */
export const podNetnsDir = (node: NodeLayout): string =>
  join(node.runDir, 'containerd', 'io.containerd.grpc.v1.cri', 'netns');

/** Makes the node's mount namespace; one that is there is kept. */
export async function ensureNodeMounts(node: NodeLayout): Promise<void> {
  const file = node.mountNsPath;
  const holder = dirname(file);
  for (const dir of [
    node.cniLibDir,
    node.cniRunDir,
    node.cniBinDir,
    node.cniNetworksDir,
    holder,
    podNetnsDir(node),
    CNI_LIB,
    CNI_RUN,
  ]) {
    mkdirSync(dir, { recursive: true, mode: 0o755 });
  }
  // Shared, so that network namespaces that containerd mounts later appear in the node's mount namespace, and disappear there.
  await mountOnItself(podNetnsDir(node), '--make-shared');
  // Private: the kernel refuses to mount a mount namespace where it would be propagated into itself.
  await mountOnItself(holder, '--make-private');
  if (!isMountPoint(file)) {
    writeFileSync(file, '');
    await must('unshare', [`--mount=${file}`, '--propagation', 'slave', '--', 'true']);
  }
  await bindInside(file, node.cniLibDir, CNI_LIB);
  await bindInside(file, node.cniRunDir, CNI_RUN);
}

/** A crash may have ended the run that made the namespace before its directories were in it. */
async function bindInside(file: string, from: string, to: string): Promise<void> {
  const inside = (argv: readonly string[]): Promise<string> => must('nsenter', [`--mount=${file}`, '--', ...argv]);
  const { dev, ino } = statSync(from);
  if ((await inside(['stat', '--format=%d:%i', to])).trim() !== `${dev}:${ino}`)
    await inside(['mount', '--bind', from, to]);
}

async function mountOnItself(dir: string, propagation: string): Promise<void> {
  if (!isMountPoint(dir)) await must('mount', ['--bind', dir, dir]);
  await must('mount', [propagation, dir]);
}

/** proc(5), /proc/PID/mountinfo, field 5. */
function isMountPoint(path: string): boolean {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[4] === path);
}
