/** Long passes over the cache, cut so that the event loop stays free. */
import { setImmediate as nextTurn } from 'node:timers/promises';

const CHUNK = 50;

/** Calls `each` for a snapshot of the items, and ends early when aborted. */
export async function inChunks<T>(items: Iterable<T>, stop: AbortSignal, each: (item: T) => void): Promise<void> {
  let done = 0;
  for (const item of [...items]) {
    if (stop.aborted) return;
    each(item);
    done += 1;
    if (done % CHUNK === 0) await nextTurn();
  }
}
