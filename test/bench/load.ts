/** How busy the machine is, and how fast: absolute figures mean nothing without it. */
import { createHash } from 'node:crypto';
import { cpus, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

export interface MachineLoad {
  readonly cores: number;
  readonly loadAverage: readonly number[];
  /** Best of five: milliseconds for a fixed piece of work on one core (SHA-256 of 16 MiB). */
  readonly calibrationMs: number;
  /** Share of all cores that was busy during half a second in which the bench did nothing, 0…1. */
  readonly busy: number;
}

const BLOCK = Buffer.alloc(1024 * 1024);
const BLOCKS = 16;
const BUSY_SAMPLE_MS = 500;
/** A lab that nobody uses is busier than an idle machine. */
const CALM = 0.2;

export async function machineLoad(): Promise<MachineLoad> {
  return {
    cores: cpus().length,
    loadAverage: loadavg(),
    calibrationMs: Math.min(...Array.from({ length: 5 }, calibrate)),
    busy: await busyShare(),
  };
}

async function busyShare(): Promise<number> {
  const before = cpuTimes();
  await sleep(BUSY_SAMPLE_MS);
  const after = cpuTimes();
  const total = after.total - before.total;
  return total === 0 ? 0 : 1 - (after.idle - before.idle) / total;
}

/** Waits until nobody works: the kernel takes a minute to clear a thousand namespaces away. */
export async function calmMachine(limitMs: number): Promise<void> {
  const until = performance.now() + limitMs;
  for (let busy = 1; busy > CALM && performance.now() < until;) busy = await busyShare();
}

export function loadLine(when: string, load: MachineLoad): string {
  const average = load.loadAverage.map((value) => value.toFixed(2)).join(' ');
  return (
    `machine ${when}: load ${average} on ${load.cores} cores, ${(load.busy * 100).toFixed(0)} % busy, ` +
    `SHA-256 of 16 MiB in ${load.calibrationMs.toFixed(1)} ms`
  );
}

function calibrate(): number {
  const startedAt = performance.now();
  const hash = createHash('sha256');
  for (let block = 0; block < BLOCKS; block += 1) hash.update(BLOCK);
  hash.digest();
  return performance.now() - startedAt;
}

function cpuTimes(): { idle: number; total: number } {
  let idle = 0;
  let total = 0;
  for (const { times } of cpus()) {
    idle += times.idle;
    total += times.user + times.nice + times.sys + times.irq + times.idle;
  }
  return { idle, total };
}
