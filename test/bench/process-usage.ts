/** CPU time and memory of podwire's parts and of the lab's, from proc(5). */
import { readdirSync, readFileSync } from 'node:fs';
import type { MeasuredPodwire } from './measured-podwire.ts';

export interface Usage {
  /** Milliseconds of user and system time of the process itself. */
  readonly ownMs: number;
  /** The same of its children that have ended and were waited for. */
  readonly childrenMs: number;
  readonly rssMiB: number;
}

/** Clock ticks of proc/PID/stat; fixed at 100 a second on Linux for user space (USER_HZ). */
const TICK_MS = 10;

/** Of all replicas of a part together. @throws Error when none runs */
export function usageOf(podwire: MeasuredPodwire, part: string): Usage {
  const all = pidsOf(podwire, part).map(usageOfProcess);
  const sum = (of: keyof Usage): number => all.reduce((total, usage) => total + usage[of], 0);
  return { ownMs: sum('ownMs'), childrenMs: sum('childrenMs'), rssMiB: sum('rssMiB') };
}

/** @throws Error when the part does not run */
export function pidsOf(podwire: MeasuredPodwire, part: string): readonly number[] {
  const pids = podwire.pids(part);
  if (pids.length === 0) throw new Error(`${part} does not run in lab ${podwire.lab.name}`);
  return pids;
}

/** A part's name, with the number of its replicas where it has several. */
export function partName(podwire: MeasuredPodwire, part: string): string {
  const replicas = podwire.pids(part).length;
  return replicas > 1 ? `${part} (${replicas})` : part;
}

/**
 * Milliseconds of user and system time of a process, without its children, to the nanosecond (proc/PID/task/TID/schedstat, first field):
 * ticks are too coarse for processes that use some of them in a minute. What threads that have ended used is not in it.
 *
 * @throws Error when it does not run
 */
export function exactCpuMs(pid: number): number {
  const ofThread = (thread: string): number => {
    try {
      return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0]) / 1e6;
    } catch {
      // It has ended since it was listed.
      return 0;
    }
  };
  return readdirSync(`/proc/${pid}/task`).reduce((total, thread) => total + ofThread(thread), 0);
}

/** @throws Error when it does not run */
export function usageOfProcess(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Fields 14 to 17 (utime, stime, cutime, cstime); the name before them may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = (first: number): number => (Number(fields[first - 3]) + Number(fields[first - 2])) * TICK_MS;
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { ownMs: ticks(14), childrenMs: ticks(16), rssMiB: Number(rss) / 1024 };
}
