/**
 * Local activities of one run, one at a time. Of several that run side by side, each one's end is told to the workflow by itself, but a replay may tell
 * several ends at once: what follows is then numbered otherwise, and the run can never go on (ADR 9).
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
