/** Waiting for a condition with a limit. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitOptions {
  readonly limitMs: number;
  readonly everyMs?: number;
  /** Errors of `look` that no further look can heal. */
  readonly giveUpOn?: (error: unknown) => boolean;
}

/**
 * Polls until `look` returns something other than undefined; what it throws counts as "not yet".
 *
 * @throws Error naming `what`, the limit and the last error when the limit passes.
 */
export async function waitFor<T>(what: string, look: () => Promise<T | undefined>, o: WaitOptions): Promise<T> {
  const deadline = performance.now() + o.limitMs;
  let last = '';
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined) return seen;
    } catch (error) {
      if (o.giveUpOn?.(error) === true) throw error;
      last = error instanceof Error ? error.message : String(error);
    }
    if (performance.now() > deadline) {
      throw new Error(`${what}: not within ${o.limitMs / 1000} s${last === '' ? '' : ` (last: ${last})`}`);
    }
    await sleep(o.everyMs ?? 200);
  }
}
