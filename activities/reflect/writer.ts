/** Writes in transactions as large as etcd allows, newest value per key, with the counters that people see. */
import { MAX_STORE_BYTES, MAX_STORE_OPERATIONS } from '../../domain/ports/reflect-store.ts';
import { NO_COUNTS, type ReflectCounts } from '../../domain/reflect/messages.ts';
import type { ReflectStatistics } from '../../domain/reflect/statistics.ts';
import type { Pending } from './comparison.ts';
import type { ReflectDeps } from './reflect-deps.ts';

/** What a condition and an operation cost in a request beside key and value. */
const OVERHEAD_BYTES = 32;
const sizeOf = ({ key, value }: Pending): number => 2 * key.length + (value?.byteLength ?? 0) + OVERHEAD_BYTES;

const ERROR_COUNTER = { added: 'addErrors', updated: 'updErrors', deleted: 'delErrors' } as const satisfies Record<
  keyof ReflectCounts,
  keyof ReflectStatistics
>;
const DONE_COUNTER = { added: 'adds', updated: 'updates', deleted: 'deletes' } as const satisfies Record<
  keyof ReflectCounts,
  keyof ReflectStatistics
>;

const whatOf = ({ value, was }: Pending): keyof ReflectCounts =>
  value === undefined ? 'deleted' : was === undefined ? 'added' : 'updated';

export class BatchWriter {
  readonly #deps: ReflectDeps;
  readonly #concurrency: number;
  readonly #running = new Set<Promise<void>>();
  #batch = new Map<string, Pending>();
  #bytes = 0;
  #failure: unknown;
  #counts: ReflectCounts = NO_COUNTS;
  /** Names whose keys somebody else changed since they were read: to be read again. */
  readonly conflicts = new Set<string>();

  /** @param concurrency transactions under way at once */
  constructor(deps: ReflectDeps, concurrency = 1) {
    this.#deps = deps;
    this.#concurrency = concurrency;
  }

  get counts(): ReflectCounts {
    return this.#counts;
  }

  /** Resolves when there is room for more. @throws what a transaction before this failed with */
  async add(pending: Pending): Promise<void> {
    const size = sizeOf(pending);
    if (this.#batch.size >= MAX_STORE_OPERATIONS || this.#bytes + size > MAX_STORE_BYTES) await this.#send();
    const known = this.#batch.get(pending.key);
    this.#bytes += size - (known === undefined ? 0 : sizeOf(known));
    this.#batch.set(pending.key, pending);
  }

  /** Sends what is left and waits for everything. @throws what a transaction failed with */
  async flush(): Promise<void> {
    await this.#send();
    await Promise.all(this.#running);
    if (this.#failure !== undefined) throw this.#failure as Error;
  }

  async #send(): Promise<void> {
    const batch = [...this.#batch.values()];
    this.#batch = new Map();
    this.#bytes = 0;
    if (batch.length === 0) return;
    const writing = this.#write(batch).finally(() => this.#running.delete(writing));
    this.#running.add(writing);
    while (this.#running.size >= this.#concurrency) await Promise.race(this.#running);
    if (this.#failure !== undefined) throw this.#failure as Error;
  }

  /** Never rejects: a failure is thrown by whoever comes next. */
  async #write(batch: readonly Pending[]): Promise<void> {
    const { store, ledger, log } = this.#deps;
    try {
      if (!(await store.write(batch))) {
        for (const { name } of batch) this.conflicts.add(name);
        return;
      }
    } catch (error) {
      this.#failure ??= error;
      for (const pending of batch) ledger.count(pending.kind, ERROR_COUNTER[whatOf(pending)]);
      return;
    }
    const counts = { ...this.#counts };
    for (const pending of batch) {
      const what = whatOf(pending);
      counts[what] += 1;
      ledger.count(pending.kind, DONE_COUNTER[what]);
      log.written(pending.kind, what, pending.key);
    }
    this.#counts = counts;
  }
}
