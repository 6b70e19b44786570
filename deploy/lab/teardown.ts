/**
 * Removes everything that a lab made. It trusts no memory of what was started: processes are found by their mark, cgroup,
 * network and mount namespaces, mounts by their path, so that a crash at any moment leaves nothing that this does not find.
 */
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeCgroups } from './cgroups.ts';
import { attempt, whyFailed } from './commands.ts';
import { labLayout, MAX_NODES, NETNS_ROOT, nodeLayouts, ON_NODE, ownsNetns, RUN_ROOT, STATE_ROOT } from './layout.ts';
import type { LabLayout } from './layout.ts';
import { MOUNT_POINTS } from './node-mounts.ts';
import { markedProcesses, namespaceId, pidsInCgroup, pidsInNamespaces } from './processes.ts';
import type { Progress } from './progress.ts';

const KILL_LIMIT_MS = 20_000;

/**
 * Removes a lab. One that is not there, or only partly, is fine.
 *
 * @throws Error naming what could not be removed; running it again goes on from there.
 */
export async function tearDown(name: string, progress: Progress): Promise<void> {
  const lab = labLayout(name);
  await progress.task('end processes', () => endProcesses(lab));
  await progress.task('remove mounts and network namespaces', async () => {
    await unmountAll(lab);
    await removeNetns(lab);
  });
  const left = removeCgroups(lab.cgroup);
  if (left.length > 0) throw new Error(`cgroups that cannot be removed: ${left.join(', ')}`);
  await progress.task('remove files', async () => removeFiles(lab));
  if (otherLabs(name).length === 0) await removeShared();
}

async function endProcesses(lab: LabLayout): Promise<void> {
  const deadline = performance.now() + KILL_LIMIT_MS;
  // Read before the first process ends: afterwards nobody may be left through whom the pods' namespaces can be seen.
  const places = [...netnsPaths(lab), ...podNetnsPaths(lab)].map(namespaceId);
  for (;;) {
    const pids = labPids(lab, places);
    if (pids.length === 0) return;
    if (performance.now() > deadline) throw new Error(`processes that do not end: ${pids.join(', ')}`);
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
    await sleep(50);
  }
}

/** What starts others comes first: supervisors, then containers. */
function labPids(lab: LabLayout, netns: readonly (string | undefined)[]): number[] {
  const marked = markedProcesses(lab.name).map((seen) => seen.pid);
  const mounts = nodeLayouts(lab, MAX_NODES).map((node) => namespaceId(node.mountNsPath));
  const inside = [...pidsInNamespaces('net', netns), ...pidsInNamespaces('mnt', mounts)];
  return [...new Set([...marked, ...pidsInCgroup(lab.cgroup), ...inside])];
}

/** Namespace files of the lab's nodes and control plane. */
function netnsPaths(lab: LabLayout): string[] {
  return list(NETNS_ROOT)
    .filter((name) => ownsNetns(lab, name))
    .map((name) => join(NETNS_ROOT, name));
}

/** Those of its pods, seen through processes of the nodes. */
function podNetnsPaths(lab: LabLayout): string[] {
  const pins = nodeLayouts(lab, MAX_NODES).map((node) => namespaceId(node.mountNsPath));
  return pins.flatMap((pin) => {
    const [pid] = pidsInNamespaces('mnt', [pin]);
    const folder = `/proc/${pid}/root${ON_NODE.netns}`;
    return pid === undefined ? [] : list(folder).map((name) => join(folder, name));
  });
}

async function unmountAll(lab: LabLayout): Promise<void> {
  for (let round = 0; round < 5; round++) {
    const mounts = mountsBelow(lab);
    if (mounts.length === 0) return;
    // Later mounts lie over earlier ones. The kernel's last users of an overlay may take a moment, hence the lazy second try.
    for (const path of mounts.reverse()) {
      if ((await attempt('umount', [path])).code !== 0) await attempt('umount', ['-l', path]);
    }
  }
  throw new Error(`mounts that cannot be removed: ${mountsBelow(lab).join(', ')}`);
}

/** Mount points below the lab's directories, in mount order (proc(5), /proc/PID/mountinfo, field 5). */
function mountsBelow(lab: LabLayout): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => (line.split(' ')[4] ?? '').replace(/\\040/g, ' '))
    .filter((path) => path.startsWith(`${lab.dir}/`) || path.startsWith(`${lab.runDir}/`));
}

async function removeNetns(lab: LabLayout): Promise<void> {
  for (const name of list(NETNS_ROOT).filter((each) => ownsNetns(lab, each))) {
    const removed = await attempt('ip', ['netns', 'del', name]);
    if (removed.code !== 0) throw new Error(`network namespace ${name}: ${whyFailed(removed)}`);
  }
}

function removeFiles(lab: LabLayout): void {
  rmSync(lab.runDir, { recursive: true, force: true });
  // The state directory goes last: while it is there, the lab is known and can be taken down again.
  rmSync(lab.dir, { recursive: true, force: true });
}

/** What labs share goes with the last one; directories go only when they are empty, so others' things stay. */
async function removeShared(): Promise<void> {
  if (existsSync(NETNS_ROOT) && list(NETNS_ROOT).length === 0) {
    // `ip netns add` mounts the directory on itself.
    await attempt('umount', [NETNS_ROOT]);
  }
  // /var/lib/kubelet and its like, and the folders around those that lie deeper.
  const around = MOUNT_POINTS.map((path) => dirname(path)).filter((path) => /^\/(etc|opt)\/cni/.test(path));
  for (const dir of [NETNS_ROOT, ...MOUNT_POINTS, ...around, STATE_ROOT]) removeIfEmpty(dir);
}

/** Removes the directory of locks; the caller holds none any more. */
export function removeRunRoot(): void {
  removeIfEmpty(RUN_ROOT);
}

function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST', 'EBUSY'].includes(code)) throw error;
  }
}

function otherLabs(name: string): string[] {
  return list(STATE_ROOT).filter((other) => other !== name);
}

function list(dir: string): string[] {
  return existsSync(dir) ? readdirSync(dir) : [];
}
