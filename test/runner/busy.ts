/** How busy the machine was: a group that waits most of the time could run beside another one. */
import { readFileSync } from 'node:fs';

interface CpuTime {
  readonly idle: number;
  readonly all: number;
}

/** proc(5), stat: user, nice, system, idle, iowait, irq, softirq, steal; in ticks, of all processors together. */
export function cpuTime(): CpuTime {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  const ticks = line.trim().split(/ +/).slice(1, 9).map(Number);
  const [idle = 0, iowait = 0] = ticks.slice(3);
  return { idle: idle + iowait, all: ticks.reduce((sum, each) => sum + each, 0) };
}

/** @returns percent since then */
export function busySince(before: CpuTime): number {
  const now = cpuTime();
  const all = now.all - before.all;
  return all === 0 ? 0 : Math.round(100 * (1 - (now.idle - before.idle) / all));
}
