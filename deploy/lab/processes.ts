/** Finds processes of a lab in /proc: by the mark in their environment, by cgroup, by namespace. Starts nothing. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

/** Environment variables that mark every process of a lab; children inherit them. */
export const LAB_MARK = 'PODWIRE_LAB';
export const PART_MARK = 'PODWIRE_LAB_PART';

export interface SeenProcess {
  readonly pid: number;
  readonly group: number;
  readonly part: string | undefined;
  /** Path of its program. */
  readonly exe: string;
}

/** Pids of all processes, without this one. */
function allPids(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid > 1 && pid !== process.pid);
}

/** Processes whose environment says that they belong to this lab. */
export function markedProcesses(lab: string): SeenProcess[] {
  return allPids().flatMap((pid) => {
    try {
      const env = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      if (!env.includes(`${LAB_MARK}=${lab}`)) return [];
      const part = env.find((entry) => entry.startsWith(`${PART_MARK}=`))?.slice(PART_MARK.length + 1);
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (fields[0] === 'Z') return [];
      return [{ pid, group: Number(fields[2]), part, exe: readlinkSync(`/proc/${pid}/exe`) }];
    } catch {
      return [];
    }
  });
}

/** Pids in a cgroup with this name, or below it, in any hierarchy (proc(5), /proc/PID/cgroup). */
export function pidsInCgroup(name: string): number[] {
  return allPids().filter((pid) => {
    try {
      const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n');
      return lines.some((line) => line.split('/').includes(name));
    } catch {
      return false;
    }
  });
}

/** Pids whose namespace of this kind is one of these, as `namespaceId` names them; never those that share ours. */
export function pidsInNamespaces(kind: 'net' | 'mnt', ids: readonly (string | undefined)[]): number[] {
  const wanted = new Set(ids.filter((id) => id !== undefined));
  const own = namespaceId(`/proc/self/ns/${kind}`);
  if (own !== undefined) wanted.delete(own);
  if (wanted.size === 0) return [];
  return allPids().filter((pid) => {
    const id = namespaceId(`/proc/${pid}/ns/${kind}`);
    return id !== undefined && wanted.has(id);
  });
}

/** Device and inode of a namespace file; undefined where there is none. */
export function namespaceId(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
