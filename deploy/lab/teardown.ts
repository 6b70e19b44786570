/**
 * Removes everything that a lab made. It trusts no memory of what was started: processes are found by their mark, cgroup and
 * network namespace, mounts by their path, so that a crash at any moment leaves nothing that this does not find.
 */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeCgroups } from './cgroups.ts';
import { attempt, whyFailed } from './commands.ts';
import { labLayout, MAX_NODES, NETNS_ROOT, nodeLayouts, ownsNetns, RUN_ROOT, STATE_ROOT } from './layout.ts';
import type { LabLayout } from './layout.ts';
import { markedProcesses, pidsInCgroup, pidsInNetns } from './processes.ts';
import type { Progress } from './progress.ts';

const KILL_LIMIT_MS = 20_000;
/** Where things land that cannot be told to land elsewhere. */
const SHIM_SOCKETS = '/run/containerd/s';
const CNI_RESULTS = '/var/lib/cni/results';
const CONTAINER_LOG_LINKS = '/var/log/containers';
const DEVICE_PLUGINS = '/var/lib/kubelet/device-plugins';

/**
 * Removes a lab. One that is not there, or only partly, is fine.
 *
 * @throws Error naming what could not be removed; running it again goes on from there.
 */
export async function tearDown(name: string, progress: Progress): Promise<void> {
  const lab = labLayout(name);
  // Read before anything is removed: the shims' sockets are named by hashes that only their bundles tell.
  const sockets = shimSockets(lab);
  await progress.task('end processes', () => endProcesses(lab));
  await progress.task('remove mounts and network namespaces', async () => {
    await unmountAll(lab);
    await removeNetns(lab);
  });
  const left = removeCgroups(lab.cgroup);
  if (left.length > 0) throw new Error(`cgroups that cannot be removed: ${left.join(', ')}`);
  await progress.task('remove files', async () => removeFiles(lab, sockets));
  if (otherLabs(name).length === 0) await removeShared();
}

async function endProcesses(lab: LabLayout): Promise<void> {
  const deadline = performance.now() + KILL_LIMIT_MS;
  for (;;) {
    const pids = labPids(lab);
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
function labPids(lab: LabLayout): number[] {
  const marked = markedProcesses(lab.name).map((seen) => seen.pid);
  return [...new Set([...marked, ...pidsInCgroup(lab.cgroup), ...pidsInNetns(netnsPaths(lab))])];
}

/** Namespace files of the lab: its own, and those of its pods. */
function netnsPaths(lab: LabLayout): string[] {
  const own = list(NETNS_ROOT).filter((name) => ownsNetns(lab, name));
  const pods = mountsBelow(lab).filter((path) => path.includes('/netns/'));
  return [...own.map((name) => join(NETNS_ROOT, name)), ...pods];
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

/** A shim writes its socket's address into its bundle; the socket itself lies outside containerd's directories. */
function shimSockets(lab: LabLayout): string[] {
  return nodeLayouts(lab, MAX_NODES).flatMap((node) => {
    const bundles = join(node.runDir, 'containerd', 'io.containerd.runtime.v2.task', 'k8s.io');
    return list(bundles).flatMap((id) => {
      try {
        const address = readFileSync(join(bundles, id, 'address'), 'utf8')
          .trim()
          .replace(/^unix:\/\//, '');
        return address.startsWith(`${SHIM_SOCKETS}/`) ? [address] : [];
      } catch {
        return [];
      }
    });
  });
}

function removeFiles(lab: LabLayout, sockets: readonly string[]): void {
  for (const socket of sockets) rmSync(socket, { force: true });
  removeCniResults(lab);
  for (const link of list(CONTAINER_LOG_LINKS).map((each) => join(CONTAINER_LOG_LINKS, each))) {
    if (lstatSync(link).isSymbolicLink() && readlinkSync(link).startsWith(`${lab.dir}/`)) rmSync(link);
  }
  rmSync(lab.runDir, { recursive: true, force: true });
  // The state directory goes last: while it is there, the lab is known and can be taken down again.
  rmSync(lab.dir, { recursive: true, force: true });
}

/** Results of sandboxes that were never deleted. That of the loopback plugin carries only the sandbox's id. */
function removeCniResults(lab: LabLayout): void {
  const files = list(CNI_RESULTS);
  const own = files.filter((file) => file.startsWith(`${lab.cgroup}.n`));
  const ids = own.map((file) => /-([0-9a-f]{64})-/.exec(file)?.[1]).filter((id) => id !== undefined);
  const loopbacks = files.filter((file) => !own.includes(file) && ids.some((id) => file.includes(id)));
  // Only the lab's own tell whose the others are: after a crash in between, they still do.
  for (const file of [...loopbacks, ...own]) rmSync(join(CNI_RESULTS, file), { force: true });
}

/** What labs share goes with the last one; directories go only when they are empty, so others' things stay. */
async function removeShared(): Promise<void> {
  for (const file of ['kubelet.sock', 'kubelet_internal_checkpoint', 'DEPRECATION'])
    rmSync(join(DEVICE_PLUGINS, file), { force: true });
  if (existsSync(NETNS_ROOT) && list(NETNS_ROOT).length === 0) {
    // `ip netns add` mounts the directory on itself.
    await attempt('umount', [NETNS_ROOT]);
  }
  const empties = [
    ...[
      NETNS_ROOT,
      DEVICE_PLUGINS,
      '/var/lib/kubelet',
      CNI_RESULTS,
      '/var/lib/cni',
      '/run/cni',
      CONTAINER_LOG_LINKS,
      '/var/log/pods',
    ],
    ...[STATE_ROOT],
    // containerd makes these once, at its start.
    ...(existsSync('/run/containerd/containerd.sock') ? [] : [SHIM_SOCKETS, '/run/containerd/runc', '/run/containerd']),
  ];
  for (const dir of empties) removeIfEmpty(dir);
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
