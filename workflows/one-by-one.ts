/**
 * Local activities of one run, one at a time. Two local activities that run side by side end in the order of their work, but a replay
 * resolves them in the order in which they were scheduled. The commands that follow are then numbered otherwise, and the run can never go
 * on (ADR 9).
 */
export class OneByOne {
  /** Each activity gets more time, because one has failed for want of time. */
  patient = false;
  #last: Promise<unknown> = Promise.resolve();

  run<T>(call: () => Promise<T>): Promise<T> {
    const next = this.#last.then(call);
    this.#last = next.catch(() => undefined);
    return next;
  }
}
