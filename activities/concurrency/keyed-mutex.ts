import { within } from './within.ts';

/** One at a time per key, in this process; waiting has a limit. */
export class KeyedMutex {
  readonly #tails = new Map<string, Promise<void>>();

  /**
   * Runs `work` alone for its key, in order of arrival.
   * @param waitMs longest wait for those before
   * @throws what `refuse` makes, when they take longer; then `work` is not run
   */
  async run<T>(key: string, waitMs: number, refuse: () => Error, work: () => Promise<T>): Promise<T> {
    const release = await this.acquire(key, waitMs, refuse);
    try {
      return await work();
    } finally {
      release();
    }
  }

  /** The key for the caller alone, if nobody has it now: a function that gives it back. */
  tryAcquire(key: string): (() => void) | undefined {
    return this.#tails.has(key) ? undefined : this.#queue(key).release;
  }

  /** As `run`, for a caller that gives the key back itself: by the function it gets, once. */
  async acquire(key: string, waitMs: number, refuse: () => Error): Promise<() => void> {
    const { before, release } = this.#queue(key);
    const free =
      before === undefined ||
      (await within(
        before.then(() => true),
        waitMs,
      ));
    if (free === true) return release;
    release();
    throw refuse();
  }

  #queue(key: string): { before: Promise<void> | undefined; release: () => void } {
    const before = this.#tails.get(key);
    let release: () => void = () => undefined;
    const mine = new Promise<void>((resolve) => {
      release = resolve;
    });
    const tail = before === undefined ? mine : before.then(() => mine);
    this.#tails.set(key, tail);
    // The last in line tidies up, also after it gave up waiting: its place ends when those before are done.
    void tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    return { before, release };
  }
}
