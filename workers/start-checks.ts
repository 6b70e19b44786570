/**
 * The checks of a process at its start: all at once, each with a limit, repeated with a back-off until none fails, and now and then
 * afterwards, and when `podwire doctor` asks how things are. What fails after the start is shown and keeps nobody from being ready, for the
 * process's own reasons say what does not work then; but for a lasting one, an etcd that takes no writes, of which nothing else would tell.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../adapters/log/logger.ts';
import { backOffDelay, type BackOff } from '../domain/concurrency/back-off.ts';
import { blockOf, failures, reasonOf, sameFindings, waiting, type Check } from '../domain/start-checks/check.ts';

export interface CheckSource {
  /** For a source that has not answered: `temporal`. */
  readonly name: string;
  readonly ask: () => Promise<readonly Check[]>;
}

const LIMIT_MS = 2_000;

/** Between two questions. */
export interface Pauses extends BackOff {
  /** When all is well. */
  readonly afterwardsMs: number;
}

const PAUSES: Pauses = { minMs: 500, maxMs: 10_000, afterwardsMs: 60_000 };
/** For parts of which a cluster has thousands: to ask everything costs more than all else that an idle one does. */
export const PAUSES_OF_MANY: Pauses = { ...PAUSES, afterwardsMs: 600_000 };
/** Answers that are younger are as good as new ones: whoever asks in a row costs no more than this. */
const FRESH_MS = 10_000;

type Told = Pick<Logger, 'info' | 'warn' | 'error'>;

interface Asked {
  readonly source: CheckSource;
  checks: readonly Check[];
  /** Whether it ever did without an error. */
  passed: boolean;
}

export class StartChecks {
  readonly #asked: readonly Asked[];
  readonly #log: Told;
  readonly #signal: AbortSignal;
  readonly #pauses: Pauses;
  #told: readonly Check[] = [];
  #refreshed: { readonly at: number; readonly done: Promise<void> } | undefined;

  /** @param signal ends everything */
  constructor(sources: readonly CheckSource[], log: Told, signal: AbortSignal, pauses: Pauses = PAUSES) {
    this.#pauses = pauses;
    // One listener for each question that is open.
    setMaxListeners(0, signal);
    this.#asked = sources.map((source) => ({ source, checks: [waiting(source.name)], passed: false }));
    this.#log = log;
    this.#signal = signal;
  }

  start(): void {
    for (const asked of this.#asked) void this.#repeat(asked);
  }

  /** Results of the last round. */
  checks(): readonly Check[] {
    return this.#asked.flatMap(({ checks }) => checks);
  }

  /** Asks every source once more, and waits for their answers. */
  async refresh(): Promise<void> {
    const now = performance.now();
    if (this.#refreshed === undefined || now - this.#refreshed.at > FRESH_MS)
      this.#refreshed = {
        at: now,
        done: Promise.all(this.#asked.map((asked) => this.#look(asked))).then(() => undefined),
      };
    await this.#refreshed.done;
  }

  /** Why the start is not over yet; once every source has passed, what nothing else would tell. */
  reasons(): string[] {
    return this.#asked.flatMap(({ passed, checks }) =>
      failures(checks)
        .filter(({ lasting }) => !passed || lasting === true)
        .map(reasonOf),
    );
  }

  async #repeat(asked: Asked): Promise<void> {
    for (let questions = 1; !this.#signal.aborted; questions += 1) {
      await this.#look(asked);
      if (this.#signal.aborted) return;
      const pause = asked.passed ? this.#untilNext() : backOffDelay(this.#pauses, questions, Math.random);
      await sleep(pause, undefined, { signal: this.#signal }).catch(() => undefined);
    }
  }

  async #look(asked: Asked): Promise<void> {
    const checks = await this.#ask(asked.source);
    if (this.#signal.aborted) return;
    asked.checks = checks;
    if (failures(checks).length === 0) asked.passed = true;
    this.#tell();
  }

  /** When all is well; not at the same time in every process. */
  #untilNext(): number {
    return this.#pauses.afterwardsMs * (0.75 + Math.random() / 2);
  }

  async #ask(source: CheckSource): Promise<readonly Check[]> {
    const limit = new AbortController();
    const failed = (text: string): Check[] => [{ name: source.name, state: 'error', text }];
    const late = sleep(LIMIT_MS, undefined, { signal: AbortSignal.any([limit.signal, this.#signal]) }).then(
      () => failed(`no answer within ${LIMIT_MS / 1_000} s`),
      () => failed('given up'),
    );
    try {
      return await Promise.race([source.ask(), late]);
    } catch (error) {
      return failed(error instanceof Error ? error.message : String(error));
    } finally {
      limit.abort();
    }
  }

  /** One block when every source was asked, and again whenever it reads differently. */
  #tell(): void {
    const checks = this.checks();
    if (checks.some(({ state }) => state === 'waiting') || sameFindings(checks, this.#told)) return;
    const before = this.#told;
    this.#told = checks;
    const block = blockOf(checks);
    const errors = checks.filter(({ state }) => state === 'error').length;
    if (errors > 0) this.#log.error({ errors }, `this does not work yet; it is looked at again by itself:\n${block}`);
    else if (block !== '') this.#log.warn({}, `it works, but:\n${block}`);
    else if (before.length > 0) this.#log.info({}, 'everything that was missing is there');
  }
}
