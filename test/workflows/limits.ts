/** Waits with a limit. Limits that are promises hold on a machine that has time for us; others are only there to end. */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const GENEROUS_MS = 60_000;
const LOOK_MS = 20;
/** A look that asks Temporal costs it a millisecond; dozens of pods are looked at at once. */
const RPC_LOOK_MS = 200;

/** Two files of tests run at once, each with a Temporal server of its own. */
const LEAST_STRETCH = 2;
const MOST_STRETCH = 10;

/** A promise of so many milliseconds, stretched by as much as the machine is overcommitted now. */
export function promised(ms: number): number {
  // proc(5), loadavg: the average of the last minute first, fourth how many tasks run at this moment, of how many.
  const words = readFileSync('/proc/loadavg', 'utf8').split(/[ /]/);
  const busy = Math.max(Number(words[0]), Number(words[3]));
  return ms * Math.min(MOST_STRETCH, Math.max(LEAST_STRETCH, busy / cpus().length));
}

/** Waits for a condition. @throws Error naming it after `limitMs` */
export async function until(what: string, condition: () => boolean, limitMs = GENEROUS_MS): Promise<void> {
  await poll(what, async () => condition(), limitMs, LOOK_MS);
}

/** Like `until`, for conditions that ask Temporal. */
export async function untilAsked(
  what: string,
  condition: () => Promise<boolean>,
  limitMs = GENEROUS_MS,
): Promise<void> {
  await poll(what, condition, limitMs, RPC_LOOK_MS);
}

/** Waits for a promise. @throws Error naming it after `limitMs` */
export async function within<T>(what: string, promise: Promise<T>, limitMs = GENEROUS_MS): Promise<T> {
  const stop = new AbortController();
  const late = sleep(limitMs, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`not within ${Math.round(limitMs)} ms: ${what}`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop.abort();
    late.catch(() => undefined);
  }
}

async function poll(what: string, condition: () => Promise<boolean>, limitMs: number, lookMs: number): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${Math.round(limitMs)} ms: ${what}`);
    await sleep(lookMs);
  }
}
