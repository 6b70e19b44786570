/**
 * The cgroups of a lab's containers, v1 and v2.
 *
 * The kubelet runs without QoS cgroups, so a container's cgroup path is relative, and runc resolves it against its own:
 * on v1 below it, on v2 beside it (a v2 cgroup with children holds no processes). So containerd is put into a cgroup of the
 * lab, and all containers of the node end up within the lab's. On v1 that cgroup lies below the caller's own, so that what
 * limits the caller limits the lab too.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const CGROUP_ROOT = '/sys/fs/cgroup';
const MAX_DEPTH = 8;

/** Puts a process into a cgroup of this relative name in every hierarchy; makes the cgroup when absent. */
export function joinCgroup(name: string, pid: number): void {
  for (const parent of parents()) {
    let dir = parent;
    for (const step of name.split('/')) {
      const child = join(dir, step);
      if (!existsSync(child)) {
        mkdirSync(child);
        inheritCpuset(dir, child);
      }
      dir = child;
    }
    writeFileSync(join(dir, 'cgroup.procs'), String(pid));
  }
}

/** Removes every cgroup of this name and all below it; the processes in them must have ended. Returns what is left. */
export function removeCgroups(name: string): string[] {
  const left: string[] = [];
  for (const dir of cgroupsNamed(name)) {
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

/** Directories of all cgroups of this name. */
export function cgroupsNamed(name: string): string[] {
  return descendants(CGROUP_ROOT).filter((dir) => dir.endsWith(`/${name}`));
}

/** Where the lab's cgroup goes in each hierarchy. */
function parents(): string[] {
  if (existsSync(join(CGROUP_ROOT, 'cgroup.controllers'))) return [CGROUP_ROOT];
  return readFileSync('/proc/self/cgroup', 'utf8')
    .trim()
    .split('\n')
    .flatMap((line) => {
      // hierarchy-id:controllers:path (cgroups(7)); the v2 line of a hybrid machine has no controllers.
      const [, controllers = '', path = '/'] = line.split(':');
      if (controllers === '') return [];
      const dir = join(CGROUP_ROOT, controllers.replace(/^name=/, ''), path);
      return existsSync(join(dir, 'cgroup.procs')) ? [dir] : [];
    });
}

/** A new v1 cpuset is empty, and takes no process before it has CPUs and memory nodes. */
function inheritCpuset(parent: string, child: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (existsSync(join(CGROUP_ROOT, 'cgroup.controllers')) || !existsSync(join(child, file))) continue;
    writeFileSync(join(child, file), readFileSync(join(parent, file), 'utf8'));
  }
}

function descendants(dir: string, depth = 0): string[] {
  if (depth > MAX_DEPTH) return [];
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap((entry) => [join(dir, entry.name), ...descendants(join(dir, entry.name), depth + 1)]);
  } catch {
    return [];
  }
}
