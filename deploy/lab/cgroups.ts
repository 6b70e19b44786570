/** The cgroups of a lab's containers, v1 and v2: one per lab, one per node in it, filled by the kubelet. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

const CGROUP_ROOT = '/sys/fs/cgroup';
/** The kubelet refuses a cgroup root without these (v2). */
const NEEDED_V2 = ['cpu', 'cpuset', 'io', 'memory', 'pids'];
const SHARES_PER_CORE = 1024;

/**
 * Makes a cgroup of this path in every hierarchy: the kubelet wants its root to be there.
 *
 * @param path relative to the root of the hierarchy, e.g. `podwire-lab-a/n1`.
 */
export function ensureCgroup(path: string): void {
  for (const hierarchy of hierarchies()) {
    let dir = hierarchy;
    for (const step of path.split('/')) {
      enableControllers(dir);
      const child = join(dir, step);
      if (!existsSync(child)) mkdirSync(child);
      inheritCpuset(dir, child);
      dir = child;
    }
    weighAsNodes(join(hierarchy, path.split('/')[0] ?? path));
  }
}

/** Removes the top-level cgroup of this name and all below it; the processes in it must have ended. Returns what is left. */
export function removeCgroups(name: string): string[] {
  const left: string[] = [];
  // A hybrid machine mounts v2 at `unified`, where runc puts containers too.
  for (const dir of [...hierarchies(), join(CGROUP_ROOT, 'unified')].map((hierarchy) => join(hierarchy, name))) {
    // Leaves first: a cgroup with children cannot be removed.
    for (const each of [...descendants(dir).reverse(), dir]) {
      try {
        rmdirSync(each);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') left.push(each);
      }
    }
  }
  return left;
}

function isV2(): boolean {
  return existsSync(join(CGROUP_ROOT, 'cgroup.controllers'));
}

/** Directories at which hierarchies are mounted; symbolic links (cpu → cpu,cpuacct) and the controller-less v2 one are left out. */
function hierarchies(): string[] {
  if (isV2()) return [CGROUP_ROOT];
  return readdirSync(CGROUP_ROOT, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'unified')
    .map((entry) => join(CGROUP_ROOT, entry.name))
    .filter((dir) => existsSync(join(dir, 'cgroup.procs')));
}

/** v2: children have only the controllers that their parent hands down. */
function enableControllers(dir: string): void {
  if (!isV2()) return;
  const available = readFileSync(join(dir, 'cgroup.controllers'), 'utf8').trim().split(' ');
  const wanted = NEEDED_V2.filter((controller) => available.includes(controller));
  writeFileSync(join(dir, 'cgroup.subtree_control'), wanted.map((controller) => `+${controller}`).join(' '));
}

/** v1: a new cpuset is empty, and takes no process before it has CPUs and memory nodes. */
function inheritCpuset(parent: string, child: string): void {
  if (isV2()) return;
  for (const file of ['cpuset.cpus', 'cpuset.mems'].filter((each) => existsSync(join(child, each)))) {
    if (readFileSync(join(child, file), 'utf8').trim() !== '') continue;
    writeFileSync(join(child, file), readFileSync(join(parent, file), 'utf8'));
  }
}

/**
 * v1: a cgroup weighs as much as one process beside it, whatever is in it, and podwire's pods would be slower than processes of the host on a
 * machine that has other work. The kubelet gives all pods of a node 1024 shares for each core; what they are in gets as much.
 */
function weighAsNodes(lab: string): void {
  if (isV2() || !existsSync(join(lab, 'cpu.shares'))) return;
  const ofNode = cpus().length * SHARES_PER_CORE;
  const nodes = readdirSync(lab, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of nodes) writeFileSync(join(lab, name, 'cpu.shares'), String(ofNode));
  writeFileSync(join(lab, 'cpu.shares'), String(Math.max(1, nodes.length) * ofNode));
}

function descendants(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap((entry) => [join(dir, entry.name), ...descendants(join(dir, entry.name))]);
  } catch {
    return [];
  }
}
