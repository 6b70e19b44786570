/** One at a time per key, in this process; waiting has a limit. */
export class KeyedMutex {
  readonly #tails = new Map<string, Promise<void>>();

  /**
   * Runs `work` alone for its key, in order of arrival.
   * @param waitMs longest wait for those before
   * @throws what `refuse` makes, when they take longer; then `work` is not run
   */
  async run<T>(key: string, waitMs: number, refuse: () => Error, work: () => Promise<T>): Promise<T> {
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
    try {
      if (before !== undefined && !(await within(before, waitMs))) throw refuse();
      return await work();
    } finally {
      release();
    }
  }
}

async function within(promise: Promise<void>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  try {
    return await Promise.race([promise.then(() => true), limit]);
  } finally {
    clearTimeout(timer);
  }
}
