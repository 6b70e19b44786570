/** Calls that say the same: while one is under way, all that come share the one after it. */
export class Joined {
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();

  /**
   * Resolves when a call for the key that began after this moment has succeeded. `call` of the first who waits is made.
   * @throws what that call throws
   */
  run(key: string, call: () => Promise<void>): Promise<void> {
    const running = this.#running.get(key);
    if (running === undefined) return this.#start(key, call);
    const waiting = this.#next.get(key);
    if (waiting !== undefined) return waiting;
    const next = running
      .catch(() => undefined)
      .then(() => {
        this.#next.delete(key);
        return this.#start(key, call);
      });
    this.#next.set(key, next);
    return next;
  }

  #start(key: string, call: () => Promise<void>): Promise<void> {
    const started = call();
    this.#running.set(key, started);
    const forget = (): void => {
      if (this.#running.get(key) === started) this.#running.delete(key);
    };
    started.then(forget, forget);
    return started;
  }
}
