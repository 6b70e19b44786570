/** CPU time and memory of the lab's parts, from proc(5). */
import { readFileSync } from 'node:fs';
import { partPid, type Lab } from '../../deploy/lab/lab.ts';

export interface Usage {
  /** Milliseconds of user and system time of the process itself. */
  readonly ownMs: number;
  /** The same of its children that have ended and were waited for. */
  readonly childrenMs: number;
  readonly rssMiB: number;
}

/** Clock ticks of proc/PID/stat; fixed at 100 a second on Linux for user space (USER_HZ). */
const TICK_MS = 10;

/** @throws Error when the part does not run */
export function usageOf(lab: Lab, part: string): Usage {
  const pid = partPid(lab, part);
  if (pid === undefined) throw new Error(`${part} does not run in lab ${lab.name}`);
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Fields 14 to 17 (utime, stime, cutime, cstime); the name before them may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = (first: number): number => (Number(fields[first - 3]) + Number(fields[first - 2])) * TICK_MS;
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { ownMs: ticks(14), childrenMs: ticks(16), rssMiB: Number(rss) / 1024 };
}
