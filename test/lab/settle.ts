/** Invariants hold once things are quiet: they are looked at until they do, and their last violations are the error. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface SettleOptions {
  /** How long things may take to become quiet. */
  readonly limitMs?: number;
}

const LIMIT_MS = 15_000;
const PAUSE_MS = 300;
const SHOWN = 12;

/**
 * Repeats a look until it finds no violation.
 *
 * @throws Error that begins with the invariant's name and lists what is wrong
 */
export async function settle(name: string, look: () => Promise<string[]>, o: SettleOptions = {}): Promise<void> {
  const limitMs = o.limitMs ?? LIMIT_MS;
  const deadline = performance.now() + limitMs;
  for (;;) {
    const violations = await look().catch((error: unknown) => [`cannot look: ${(error as Error).message}`]);
    if (violations.length === 0) return;
    if (performance.now() > deadline)
      throw new Error(`${name} does not hold after ${limitMs / 1000} s:\n${list(violations)}`);
    await sleep(PAUSE_MS);
  }
}

function list(violations: readonly string[]): string {
  const more = violations.length > SHOWN ? [`… and ${violations.length - SHOWN} more`] : [];
  return [...violations.slice(0, SHOWN), ...more].map((line) => `  - ${line}`).join('\n');
}
