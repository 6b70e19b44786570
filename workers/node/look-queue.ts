/**
 * Which sandbox is looked at next: each at most once in a while, however often it changes, and those that have waited longest first. What
 * changes while its sandbox waits is looked at together. Pure.
 */

/** What is to be looked at besides links. */
export interface Wanted {
  readonly forwarding: boolean;
}

interface Waiting {
  forwarding: boolean;
  /** Milliseconds of the queue's clock. */
  due: number;
}

export class LookQueue {
  readonly #spacingMs: number;
  readonly #waiting = new Map<string, Waiting>();
  readonly #lookedAt = new Map<string, number>();
  readonly #atWork = new Set<string>();

  /** @param spacingMs from the begin of a look to the begin of the next at the same sandbox */
  constructor(spacingMs: number) {
    this.#spacingMs = spacingMs;
  }

  /**
   * @param now milliseconds of a clock that only goes forward
   * @param delayMs not before that
   */
  want(sandboxId: string, { forwarding }: Wanted, now: number, delayMs = 0): void {
    const due = Math.max(now + delayMs, (this.#lookedAt.get(sandboxId) ?? -Infinity) + this.#spacingMs);
    const waiting = this.#waiting.get(sandboxId);
    this.#waiting.set(sandboxId, {
      forwarding: forwarding || waiting?.forwarding === true,
      due: Math.min(due, waiting?.due ?? due),
    });
  }

  /** Begins a look that is due; undefined: there is none. Nothing is looked at twice at once. */
  begin(now: number): (Wanted & { readonly sandboxId: string }) | undefined {
    for (const [sandboxId, at] of this.#lookedAt) if (at + this.#spacingMs <= now) this.#lookedAt.delete(sandboxId);
    for (const [sandboxId, { forwarding, due }] of this.#waiting) {
      if (due > now || this.#atWork.has(sandboxId)) continue;
      this.#waiting.delete(sandboxId);
      this.#atWork.add(sandboxId);
      this.#lookedAt.set(sandboxId, now);
      return { sandboxId, forwarding };
    }
    return undefined;
  }

  ended(sandboxId: string): void {
    this.#atWork.delete(sandboxId);
  }

  forget(sandboxId: string): void {
    this.#waiting.delete(sandboxId);
  }

  /** Milliseconds until the next look is due; undefined: none waits but for one to end. */
  nextMs(now: number): number | undefined {
    const dues = [...this.#waiting].flatMap(([sandboxId, { due }]) => (this.#atWork.has(sandboxId) ? [] : [due]));
    return dues.length === 0 ? undefined : Math.max(0, Math.min(...dues) - now);
  }
}
