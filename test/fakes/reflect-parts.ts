/**
 * A cluster and an etcd for the reflection, in memory. Fakes, because they have to fail, lie and change at one exact moment; the store
 * is compared with a real etcd in test/etcd/reflect-store.test.ts, and the whole on real parts in test/lab.
 */
import type { ReflectDeps } from '../../activities/reflect/reflect-deps.ts';
import { createReflectCodec } from '../../adapters/reflect/codec.ts';
import type { NamedObject, ReflectCluster } from '../../domain/ports/reflect-cluster.ts';
import type { ReflectStore, StoreChange, StoredKey, StoredValue, StoreLook } from '../../domain/ports/reflect-store.ts';
import { DEFAULT_REFLECT_SETTINGS } from '../../domain/reflect/settings.ts';
import type { ReflectSource } from '../../domain/reflect/messages.ts';
import { ReflectionLedger } from '../../domain/reflect/statistics.ts';

export class FakeReflectCluster implements ReflectCluster {
  readonly #objects = new Map<string, NamedObject>();
  /** Called before each answer; throws what the answer is to be. */
  before: (call: 'get' | 'list', source: ReflectSource, name: string) => void | Promise<void> = () => undefined;
  /** Objects that lists do not show. */
  readonly hidden = new Set<string>();
  gets = 0;

  put(source: ReflectSource, name: string, more: Readonly<Record<string, unknown>> = {}): void {
    const [namespace, own] = name.includes('/') ? name.split('/') : [undefined, name];
    const metadata = { ...(namespace === undefined ? {} : { namespace }), name: own, uid: `uid-${name}`, labels: more };
    this.#objects.set(`${source} ${name}`, { name, object: { metadata } });
  }

  /** An object as it is to be, in full. */
  set(source: ReflectSource, name: string, object: unknown): void {
    this.#objects.set(`${source} ${name}`, { name, object });
  }

  remove(source: ReflectSource, name: string): void {
    this.#objects.delete(`${source} ${name}`);
  }

  async get(source: ReflectSource, name: string): Promise<unknown> {
    this.gets += 1;
    const found = this.#objects.get(`${source} ${name}`)?.object;
    await this.before('get', source, name);
    return found;
  }

  async *pages(source: ReflectSource): AsyncIterable<readonly NamedObject[]> {
    const all = [...this.#objects].filter(([key]) => key.startsWith(`${source} `)).map(([, named]) => named);
    const shown = all.filter(({ name }) => !this.hidden.has(name));
    for (let start = 0; start < shown.length; start += 10) {
      await this.before('list', source, shown[start]?.name ?? '');
      yield shown.slice(start, start + 10);
    }
    if (shown.length === 0) await this.before('list', source, '');
  }
}

export class MemoryReflectStore implements ReflectStore {
  readonly values = new Map<string, StoredValue>();
  revision = 1;
  /** Transactions that changed something. */
  writes = 0;
  /** Called before each answer; throws what the answer is to be. */
  before: (call: 'read' | 'list' | 'write') => void | Promise<void> = () => undefined;

  async read(keys: readonly string[]): Promise<ReadonlyMap<string, StoredValue>> {
    await this.before('read');
    return new Map(keys.flatMap((key) => entryOf(key, this.values.get(key))));
  }

  async *pages(prefix: string): AsyncIterable<readonly StoredKey[]> {
    await this.before('list');
    const found = [...this.values].filter(([key]) => key.startsWith(prefix));
    if (found.length > 0) yield found.map(([key, stored]) => ({ key, ...stored }));
  }

  async write(changes: readonly StoreChange[]): Promise<boolean> {
    await this.before('write');
    if (changes.some(({ key, was }) => this.values.get(key)?.modRevision !== was)) return false;
    this.revision += 1;
    this.writes += 1;
    for (const { key, value } of changes) {
      if (value === undefined) this.values.delete(key);
      else this.values.set(key, { value, modRevision: String(this.revision) });
    }
    return true;
  }

  async removeTree(prefix: string, because: { key: string; modRevision: string }): Promise<boolean> {
    await this.before('write');
    if (this.values.get(because.key)?.modRevision !== because.modRevision) return false;
    this.revision += 1;
    for (const key of [...this.values.keys()])
      if (key.startsWith(prefix) || key === because.key) this.values.delete(key);
    return true;
  }

  async look(keys: readonly string[]): Promise<StoreLook> {
    const modRevisions = new Map([...(await this.read(keys))].map(([key, { modRevision }]) => [key, modRevision]));
    return { clusterId: 'memory', revision: String(this.revision), modRevisions };
  }

  keys(prefix = ''): string[] {
    return [...this.values.keys()].filter((key) => key.startsWith(prefix)).sort();
  }
}

const entryOf = (key: string, value: StoredValue | undefined): [string, StoredValue][] =>
  value === undefined ? [] : [[key, value]];

/** With KSR's usual settings, and nobody told of anything. */
export function fakeReflectDeps(cluster: ReflectCluster, store: ReflectStore): ReflectDeps {
  return {
    ...{ cluster, store, settings: DEFAULT_REFLECT_SETTINGS, ledger: new ReflectionLedger() },
    codec: createReflectCodec(DEFAULT_REFLECT_SETTINGS.encoding),
    log: { skipped: () => undefined, written: () => undefined, info: () => undefined },
    keepLabels: ['kept'],
    nodePauseSeconds: 1,
    now: () => Date.now(),
  };
}
