/**
 * Notes of running children, one file each, so that the next worker ends what a killed one left behind.
 * A note holds the pid and the kernel's start time of it: a pid alone may already belong to somebody else.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { killGroup } from './child.ts';

export class ProcessRegistry {
  readonly #dir: string;

  /** @param dir a directory of this worker alone; made when absent, mode 0700. */
  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }

  /** Notes a running child; the returned function forgets it. */
  note(pid: number): () => void {
    const file = join(this.#dir, `${pid}-${startTime(pid) ?? 'gone'}`);
    writeFileSync(file, '');
    return () => rmSync(file, { force: true });
  }

  /** Ends every noted process group that still runs, and forgets all notes. Returns the pids it killed. */
  endSurvivors(): number[] {
    const killed: number[] = [];
    for (const name of readdirSync(this.#dir)) {
      const [pidText, noted] = name.split('-');
      const pid = Number(pidText);
      if (Number.isInteger(pid) && pid > 1 && noted === startTime(pid)) {
        killGroup(pid);
        killed.push(pid);
      }
      rmSync(join(this.#dir, name), { force: true });
    }
    return killed;
  }
}

/** Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat, proc(5)); undefined when it is gone. */
export function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
