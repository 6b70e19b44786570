/**
 * How often something is looked at that changes seldom and says so itself (a folder, a connection, a watch): rarely while it says nothing,
 * often for a while after it said something, since a hint may come before the change that it announces. An idle node costs next to nothing
 * that way. What cannot be heard is looked at often all the time.
 */
export interface PaceTimes {
  /** Milliseconds from the end of one look to the next. */
  readonly oftenMs: number;
  /** The same while nothing happens: the net below hints that are lost. */
  readonly seldomMs: number;
  /** How long it is looked at often after a hint. */
  readonly alertMs: number;
}

export class Pace {
  readonly #times: PaceTimes;
  readonly #now: () => number;
  #alertUntil: number;
  #isHeard = false;
  /** Something was said that no look has followed yet. */
  #isTold = false;
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

  /** Something may have changed. The next look comes `oftenMs` after the last one, or at once where that has passed. */
  changed(): void {
    this.#alertUntil = this.#now() + this.#times.alertMs;
    this.#isTold = true;
    this.#hurry?.();
  }

  /** Waits until the next look is due, or `signal` is aborted. */
  async pause(signal: AbortSignal): Promise<void> {
    const startedAt = this.#now();
    while (!signal.aborted) {
      const left = startedAt + this.#pauseMs() - this.#now();
      if (left <= 0) break;
      await this.#wait(left, signal);
    }
    this.#isTold = false;
  }

  #pauseMs(): number {
    const { oftenMs, seldomMs } = this.#times;
    const isAlert = this.#isTold || this.#now() < this.#alertUntil;
    return this.#isHeard && !isAlert ? seldomMs : oftenMs;
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
