/**
 * How often a network's forwarding entries are written: while members keep coming, a sync takes them all together instead of each
 * by itself. A device costs an entry to its namespace per sync, so that a burst of N members on one node would cost N² of them.
 */
import { dropOldest } from '../../../domain/drop-oldest.ts';

/** After a sync, this many times its duration passes before the next one of that network: at most a sixth of the time goes into it. */
const REST_PER_WORK = 5;
/** Longest rest: the mesh is complete that much, and a sync, after its last member came. */
const LONGEST_REST_MS = 1_000;
/** Syncs that rest hold an activity slot; when more networks than this change at once, the others go at once. */
const RESTING_AT_ONCE = 4;
/** Networks that changed last; who is forgotten does not rest. */
const REMEMBERED = 200;

export class SyncPace {
  readonly #restUntil = new Map<string, number>();
  #resting = 0;

  /** Waits until the network may be written again; ends at once when `signal` is aborted. */
  async rest(network: string, signal: AbortSignal): Promise<void> {
    const ms = (this.#restUntil.get(network) ?? 0) - performance.now();
    if (ms <= 0 || signal.aborted || this.#resting >= RESTING_AT_ONCE) return;
    this.#resting += 1;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener('abort', end, { once: true });
    });
    this.#resting -= 1;
  }

  /** Tells that the network was written, and how long that took, in milliseconds. */
  worked(network: string, tookMs: number): void {
    this.#restUntil.delete(network);
    this.#restUntil.set(network, performance.now() + Math.min(tookMs * REST_PER_WORK, LONGEST_REST_MS));
    dropOldest(this.#restUntil, REMEMBERED);
  }
}
