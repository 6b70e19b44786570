/**
 * etcd's reads and transactions in memory. A fake, because workflow tests want an etcd that is away for one pod and not for its
 * neighbours; that it behaves like the real one is shown by test/etcd/record-store.test.ts, which runs on both.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ask, Condition, Entry, Etcd, Listing, Operation } from '../../adapters/etcd/client.ts';

export class MemoryEtcd implements Etcd {
  readonly #entries = new Map<string, Entry>();
  /** Before each answer, in milliseconds. */
  slowness = 0;
  #revision = 1;

  async get(key: string): Promise<Entry | undefined> {
    await this.#late();
    return this.#entries.get(key);
  }

  async list(prefix: string): Promise<Listing> {
    await this.#late();
    return this.#below(prefix);
  }

  async read(asks: readonly Ask[]): Promise<readonly (readonly Entry[])[]> {
    await this.#late();
    return this.#read(asks);
  }

  async removeAndRead(key: string, asks: readonly Ask[]): Promise<readonly (readonly Entry[])[]> {
    await this.#late();
    const found = this.#read(asks);
    this.#transact([{ key, is: 'present' }], [{ remove: key }]);
    return found;
  }

  async keys(prefix: string): Promise<readonly string[]> {
    await this.#late();
    return this.#below(prefix).entries.map(({ key }) => key);
  }

  async transact(
    conditions: readonly Condition[],
    operations: readonly Operation[],
  ): Promise<{ applied: boolean; revision: string }> {
    await this.#late();
    return this.#transact(conditions, operations);
  }

  close(): void {
    this.#entries.clear();
  }

  async #late(): Promise<void> {
    if (this.slowness > 0) await sleep(this.slowness);
  }

  #below(prefix: string): Listing {
    const entries = [...this.#entries.values()].filter(({ key }) => key.startsWith(prefix));
    return { entries: entries.sort((a, b) => (a.key < b.key ? -1 : 1)), revision: String(this.#revision) };
  }

  #read(asks: readonly Ask[]): readonly (readonly Entry[])[] {
    return asks.map((ask) => {
      if ('prefix' in ask) return this.#below(ask.prefix).entries;
      const found = this.#entries.get(ask.key);
      return found === undefined ? [] : [found];
    });
  }

  #transact(
    conditions: readonly Condition[],
    operations: readonly Operation[],
  ): { applied: boolean; revision: string } {
    const applied = conditions.every((condition) => this.#holds(condition));
    if (applied) {
      this.#revision += 1;
      for (const operation of operations) this.#apply(operation);
    }
    return { applied, revision: String(this.#revision) };
  }

  #holds(condition: Condition): boolean {
    const entry = this.#entries.get(condition.key);
    if (condition.is === 'absent') return entry === undefined;
    if (condition.is === 'present') return entry !== undefined;
    return condition.is === 'equal' ? entry?.value === condition.value : entry?.modRevision === condition.modRevision;
  }

  #apply(operation: Operation): void {
    if ('remove' in operation) this.#entries.delete(operation.remove);
    else {
      const { put: key, value } = operation;
      this.#entries.set(key, { key, value, modRevision: String(this.#revision) });
    }
  }
}
