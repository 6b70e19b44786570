/**
 * How often something is looked at that changes seldom and says so itself (a folder, a connection, a watch): rarely while it says nothing,
 * often for a while after it said something, since a hint may come before the change that it announces. An idle node costs next to nothing
 * that way. What cannot be heard is looked at often all the time.
 */
export interface PaceTimes {
  /** Milliseconds from the end of one look to the next. */
  readonly oftenMs: number;
  /** The same while nothing happens, at the most: the net below hints that are lost. */
  readonly seldomMs: number;
  /** How long it is looked at often after a hint. */
  readonly alertMs: number;
  /** From a hint to the look that follows it, at the least, of what rests; 0 where nothing is said. */
  readonly laterMs?: number;
}

/**
 * Seldom looks wait for a multiple of this, so that those of a process come at the same moment: most of what one costs is to bring its code
 * back into the processor's caches, and looks share much of it.
 */
const SHARED_MS = 60_000;

export class Pace {
  readonly #times: PaceTimes;
  readonly #now: () => number;
  #alertUntil: number;
  #isHeard = false;
  /** When something was said that no look has followed yet. */
  #toldAt: number | undefined;
  /** Ends the pause that is going on, if there is one. */
  #hurry: (() => void) | undefined;

  /** A pace begins alert. @param now milliseconds of a clock that only goes forward */
  constructor(times: PaceTimes, now: () => number = () => performance.now()) {
    this.#times = times;
    this.#now = now;
    this.#alertUntil = now() + times.alertMs;
  }

  /** The same pause always. */
  static steady(ms: number): Pace {
    return new Pace({ oftenMs: ms, seldomMs: ms, alertMs: 0 });
  }

  /** Whether hints can come at all at present. */
  heard(isHeard: boolean): void {
    this.#isHeard = isHeard;
  }

  /**
   * Something may have changed. The next look comes `oftenMs` after the last one, or at once where that has passed; of what rests,
   * `laterMs` from now at the earliest.
   */
  changed(): void {
    this.#alertUntil = this.#now() + this.#times.alertMs;
    this.#toldAt ??= this.#now();
    this.#hurry?.();
  }

  /** Waits until the next look is due, or `signal` is aborted. */
  async pause(signal: AbortSignal): Promise<void> {
    const startedAt = this.#now();
    while (!signal.aborted) {
      const left = this.#dueAt(startedAt) - this.#now();
      if (left <= 0) break;
      await this.#wait(left, signal);
    }
    this.#toldAt = undefined;
  }

  #dueAt(startedAt: number): number {
    const { oftenMs, seldomMs, laterMs = 0 } = this.#times;
    const often = startedAt + oftenMs;
    if (!this.#isHeard) return often;
    const seldom = Math.max(often, Math.floor((startedAt + seldomMs) / SHARED_MS) * SHARED_MS);
    if (this.#toldAt !== undefined) return Math.min(seldom, Math.max(often, this.#toldAt + laterMs));
    return this.#now() < this.#alertUntil ? often : seldom;
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        this.#hurry = undefined;
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#hurry = end;
      signal.addEventListener('abort', end, { once: true });
    });
  }
}
