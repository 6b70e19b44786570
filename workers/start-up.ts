/** What a process waits for before it works: tried for as long as it takes, told on /readyz meanwhile, given up at once on SIGTERM. */
import type { Worker } from '@temporalio/worker';
import type { Logger } from '../adapters/log/logger.ts';
import type { TemporalClient, TemporalOptions } from '../adapters/temporal/connection.ts';
import { ensureSearchAttributes } from '../adapters/temporal/search-attributes.ts';
import { connectWorker, type ConnectOptions, type WorkerConnection } from './native-connection.ts';
import { untilDone } from './loops.ts';

const ATTRIBUTES = 'search attributes';
/** Beginning of the reason that the checks at start give for them. */
const ATTRIBUTES_CHECK = 'temporal-search-attributes:';

export class StartUp {
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  readonly #waiting = new Map<string, string>([['start', 'not started yet']]);

  constructor(log: Logger, signal: AbortSignal) {
    this.#log = log;
    this.#signal = signal;
  }

  /**
   * Reasons against readiness; none once all is there and `done` was called.
   *
   * @param told reasons of the checks at start, which are shown beside these: what they say of the search attributes is not said again
   */
  reasons(told: readonly string[] = []): string[] {
    const isTold = told.some((reason) => reason.startsWith(ATTRIBUTES_CHECK));
    return [...this.#waiting]
      .filter(([what]) => (what === 'start' ? this.#waiting.size === 1 : what !== ATTRIBUTES || !isTold))
      .map(([, why]) => why);
  }

  done(): void {
    this.#waiting.delete('start');
  }

  /**
   * A connection to a Temporal that can take podwire's runs.
   *
   * @returns undefined when the process was told to end
   */
  async temporal(
    options: TemporalOptions,
    client: TemporalClient,
    o: { readonly makeSearchAttributes: boolean } & Required<Pick<ConnectOptions, 'credentials' | 'runtime'>>,
  ): Promise<WorkerConnection | undefined> {
    const where = `Temporal at ${options.address}`;
    this.#waiting.set('temporal', `${where} has not answered yet`);
    const connection = await connectWorker(options, this.#log, this.#signal, {
      ...{ credentials: o.credentials, runtime: o.runtime },
      onFailed: (why) => this.#waiting.set('temporal', `${where} does not answer: ${why}`),
    }).catch((error: unknown) => {
      if (this.#signal.aborted) return undefined;
      throw error;
    });
    if (connection === undefined) return undefined;
    this.#waiting.delete('temporal');
    // A worker's start fails for good where its namespace is missing; one that is made later is found.
    if (!(await this.until('Temporal namespace', () => client.probe()))) return undefined;
    if (o.makeSearchAttributes && !(await this.#searchAttributes(client))) return undefined;
    return connection;
  }

  /** Runs `work` until it succeeds; what it throws is the reason meanwhile. @returns false when the process was told to end */
  async until(what: string, work: () => Promise<void>): Promise<boolean> {
    this.#waiting.set(what, `${what}: not done yet`);
    const done = await untilDone(what, this.#log, this.#signal, async () => {
      try {
        await work();
      } catch (error) {
        this.#waiting.set(what, error instanceof Error ? error.message : String(error));
        throw error;
      }
    });
    if (done) this.#waiting.delete(what);
    return done;
  }

  #searchAttributes(client: TemporalClient): Promise<boolean> {
    return this.until(ATTRIBUTES, async () => {
      const made = await ensureSearchAttributes(client);
      if (made.length > 0) this.#log.info({ namespace: client.namespace, made }, 'search attributes made');
    });
  }
}

/** Reasons against readiness of Temporal workers. */
export const workerReasons = (workers: readonly Worker[]): string[] =>
  workers.flatMap((each) =>
    each.getState() === 'RUNNING' ? [] : [`the worker of ${each.options.taskQueue} is ${each.getState()}`],
  );
