/**
 * How often what changed in a sandbox starts a run: some times in a row, then once in a while. A pod that changes its own links all the time
 * costs no more than that. Pure.
 */
export interface BudgetTimes {
  readonly inRow: number;
  /** Milliseconds after which there is one more. */
  readonly refillMs: number;
}

export class RepairBudget {
  readonly #times: BudgetTimes;
  /** When a sandbox has its whole budget again, milliseconds. */
  readonly #wholeAt = new Map<string, number>();

  constructor(times: BudgetTimes) {
    this.#times = times;
  }

  /** False: not now. @param now milliseconds of a clock that only goes forward */
  take(sandboxId: string, now: number): boolean {
    const { inRow, refillMs } = this.#times;
    for (const [id, at] of this.#wholeAt) if (at <= now) this.#wholeAt.delete(id);
    const wholeAt = Math.max(now, this.#wholeAt.get(sandboxId) ?? now) + refillMs;
    if (wholeAt - now > inRow * refillMs) return false;
    this.#wholeAt.set(sandboxId, wholeAt);
    return true;
  }
}
