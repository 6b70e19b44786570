/** What many want at the same moment, done once for all of them. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Calls that say the same: while one is under way, all that come share the one after it. */
export class SingleFlight<T = void> {
  readonly #spacingMs: number;
  readonly #running = new Map<string, Promise<T>>();
  readonly #next = new Map<string, Promise<T>>();

  /** @param spacingMs least time from the begin of a call to that of the one after it */
  constructor(spacingMs = 0) {
    this.#spacingMs = spacingMs;
  }

  /**
   * Resolves when a call for the key that began after this moment has succeeded. `call` of the first who waits is made.
   * @throws what that call throws
   */
  run(key: string, call: () => Promise<T>): Promise<T> {
    const running = this.#running.get(key);
    if (running === undefined) return this.#start(key, call);
    const waiting = this.#next.get(key);
    if (waiting !== undefined) return waiting;
    const notBefore = sleep(this.#spacingMs);
    const next = running
      .catch(() => undefined)
      .then(() => notBefore)
      .then(() => {
        this.#next.delete(key);
        return this.#start(key, call);
      });
    this.#next.set(key, next);
    return next;
  }

  #start(key: string, call: () => Promise<T>): Promise<T> {
    const started = call();
    this.#running.set(key, started);
    const forget = (): void => {
      if (this.#running.get(key) === started) this.#running.delete(key);
    };
    started.then(forget, forget);
    return started;
  }
}
