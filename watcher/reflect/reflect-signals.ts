/**
 * From "this object changed" to signals for one source's run: at most one under way, a pause between two, names once each. What cannot be
 * sent stays, and when it becomes too much, everything is compared instead: the queue has a bound.
 */
import { backOffDelay, type BackOff } from '../../domain/concurrency/back-off.ts';
import { MAX_DIRTY_NAMES, MAX_DIRTY_QUEUE } from '../../domain/reflect/messages.ts';

export interface ReflectSignalsOptions {
  readonly sendDirty: (names: readonly string[]) => Promise<unknown>;
  readonly sendResync: (reason: string) => Promise<unknown>;
  /** @param lagMs from the first observation that it tells of to the acknowledgement */
  readonly onSent: (lagMs: number) => void;
  readonly onFailed: (error: unknown, retryInMs: number) => void;
  readonly backOff?: BackOff;
}

/** From the first change to its signal: those that come with it are told together. */
const GATHER_MS = 100;
/** Between two signals while changes come all the time; each costs Temporal a workflow task. */
const BUSY_MS = 250;
const DEFAULT_BACK_OFF: BackOff = { minMs: 200, maxMs: 5_000 };

export class ReflectSignals {
  readonly #options: ReflectSignalsOptions;
  readonly #names = new Set<string>();
  #resync: string | undefined;
  #since: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #failures = 0;
  #lastSentAt = -Infinity;
  #stopped = false;

  constructor(options: ReflectSignalsOptions) {
    this.#options = options;
  }

  /** Something waits or is under way. */
  get pending(): boolean {
    return this.#sending !== undefined || this.#hasWork;
  }

  get failing(): boolean {
    return this.#failures > 0;
  }

  dirty(name: string): void {
    this.#names.add(name);
    if (this.#names.size > MAX_DIRTY_QUEUE) {
      this.#names.clear();
      this.#resync ??= `more than ${MAX_DIRTY_QUEUE} objects changed at once`;
    }
    this.#schedule();
  }

  resync(reason: string): void {
    this.#resync = reason;
    this.#schedule();
  }

  /** Sends nothing more and waits for what is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#sending;
  }

  get #hasWork(): boolean {
    return this.#names.size > 0 || this.#resync !== undefined;
  }

  #schedule(retryInMs?: number): void {
    this.#since ??= performance.now();
    if (this.#stopped || this.#timer !== undefined || this.#sending !== undefined) return;
    const sinceLast = performance.now() - this.#lastSentAt;
    const delay = retryInMs ?? Math.max(GATHER_MS, BUSY_MS - sinceLast);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#sending = this.#send().finally(() => {
        this.#sending = undefined;
        if (this.#hasWork)
          this.#schedule(
            this.#failures === 0
              ? undefined
              : backOffDelay(this.#options.backOff ?? DEFAULT_BACK_OFF, this.#failures, Math.random),
          );
      });
    }, delay);
  }

  /** Never rejects. */
  async #send(): Promise<void> {
    const since = this.#since ?? performance.now();
    this.#since = undefined;
    const resync = this.#resync;
    const names = resync === undefined ? this.#take() : [];
    this.#resync = undefined;
    try {
      if (resync === undefined) await this.#options.sendDirty(names);
      else await this.#options.sendResync(resync);
      this.#failures = 0;
      this.#lastSentAt = performance.now();
      this.#options.onSent(this.#lastSentAt - since);
    } catch (error) {
      this.#failures += 1;
      for (const name of names) this.#names.add(name);
      if (resync !== undefined) this.#resync ??= resync;
      this.#since = since;
      this.#options.onFailed(
        error,
        backOffDelay(this.#options.backOff ?? DEFAULT_BACK_OFF, this.#failures, () => 1),
      );
    }
  }

  #take(): string[] {
    const names: string[] = [];
    for (const name of this.#names) {
      if (names.length === MAX_DIRTY_NAMES) break;
      names.push(name);
    }
    for (const name of names) this.#names.delete(name);
    return names;
  }
}
