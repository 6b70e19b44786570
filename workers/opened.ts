/** What a process has opened and must close before it ends. */

/** The last thing that was opened is closed first: what was opened later may use what was opened before. */
export class Opened {
  readonly #closings: (() => unknown)[] = [];

  /** @param close closes the thing; what it returns is waited for. @returns the thing */
  add<T>(thing: T, close: (thing: T) => unknown): T {
    this.#closings.push(() => close(thing));
    return thing;
  }

  /**
   * Closes everything, one after the other, and everything only once. A thing that cannot be closed keeps no other open.
   *
   * @throws what the first such thing threw, when the others are closed
   */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (let close = this.#closings.pop(); close !== undefined; close = this.#closings.pop()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
