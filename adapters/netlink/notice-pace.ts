/**
 * When a namespace's changes are told: the first one at once, all that come within the rest after it together, at its end. What changes a
 * thousand times a second costs one notice per rest. Pure.
 */

/** What changed. Everything may have where notifications were lost. */
export interface Changes {
  /** Links, addresses, routes. */
  readonly links: boolean;
  /** Forwarding entries and permanent neighbours. */
  readonly forwarding: boolean;
  /** The kernel had more to tell than the socket could hold. */
  readonly lost: boolean;
}

export class NoticePace {
  readonly #restMs: number;
  #untold: Changes | undefined;
  #restsUntil = -Infinity;

  constructor(restMs: number) {
    this.#restMs = restMs;
  }

  note(changes: Changes): void {
    const { links = false, forwarding = false, lost = false } = this.#untold ?? {};
    this.#untold = {
      links: links || changes.links,
      forwarding: forwarding || changes.forwarding,
      lost: lost || changes.lost,
    };
  }

  /**
   * What is to be told now, after which it rests; undefined: nothing, or not yet.
   * @param now milliseconds of a clock that only goes forward
   */
  take(now: number): Changes | undefined {
    if (this.#untold === undefined || this.restMs(now) > 0) return undefined;
    const told = this.#untold;
    this.#untold = undefined;
    this.#restsUntil = now + this.#restMs;
    return told;
  }

  /** Milliseconds until something may be told again. */
  restMs(now: number): number {
    return Math.max(0, this.#restsUntil - now);
  }
}
