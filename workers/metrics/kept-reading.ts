/** What is read of others for a scrape: kept for a while, read once for all who ask, and given up when it takes too long. */
import { withinSignal } from '../../adapters/concurrency/within-signal.ts';

/** Two scrapes at the usual interval share a reading. */
const KEPT_MS = 20_000;
/** Prometheus gives a scrape ten seconds. */
const LIMIT_MS = 4_000;

interface Reading<T> {
  readonly value: Promise<T>;
  /** Several figures ask for one reading: its failure is one. */
  isFailureTold: boolean;
}

export class KeptReading<T> {
  readonly #read: () => Promise<T>;
  readonly #onFailed: (error: unknown) => void;
  #reading: Reading<T> | undefined;
  #kept: { readonly value: T; readonly at: number } | undefined;

  /** @param onFailed hears once of each reading that failed or took too long */
  constructor(read: () => Promise<T>, onFailed: (error: unknown) => void) {
    this.#read = read;
    this.#onFailed = onFailed;
  }

  /** undefined: it cannot be read now. Never rejects. */
  async value(): Promise<T | undefined> {
    if (this.#kept !== undefined && performance.now() - this.#kept.at < KEPT_MS) return this.#kept.value;
    const reading = (this.#reading ??= { value: this.#readOnce(), isFailureTold: false });
    try {
      return await withinSignal(reading.value, AbortSignal.timeout(LIMIT_MS));
    } catch (error) {
      if (!reading.isFailureTold) this.#onFailed(error);
      reading.isFailureTold = true;
      return undefined;
    }
  }

  /** Whoever asks while one is under way gets its answer: a reading that takes longer than a scrape may is not begun again by the next. */
  async #readOnce(): Promise<T> {
    try {
      const value = await this.#read();
      this.#kept = { value, at: performance.now() };
      return value;
    } finally {
      this.#reading = undefined;
    }
  }
}
