/** The etcd that the reflected state goes to. Every method throws `PodwireError('EtcdUnavailable')` when it does not answer or refuses. */

export interface StoredValue {
  readonly value: Uint8Array;
  /** Decimal text of etcd's mod_revision. */
  readonly modRevision: string;
}

export interface StoredKey extends StoredValue {
  readonly key: string;
}

/** One write, made only if the key is still as it was read. */
export interface StoreChange {
  readonly key: string;
  /** Undefined: remove. */
  readonly value: Uint8Array | undefined;
  /** Its mod_revision when it was read; undefined: it was absent. */
  readonly was: string | undefined;
}

/** What tells that etcd is still the one it was. */
export interface StoreLook {
  readonly clusterId: string;
  /** Of the whole store. */
  readonly revision: string;
  /** By the keys that were asked for, those that are there. */
  readonly modRevisions: ReadonlyMap<string, string>;
}

/** Most operations of one transaction, etcd's own default limit. */
export const MAX_STORE_OPERATIONS = 128;
/** Most bytes of keys and values in one transaction; etcd refuses requests beyond 1.5 MiB. */
export const MAX_STORE_BYTES = 1024 * 1024;

export interface ReflectStore {
  /** The values of at most `MAX_STORE_OPERATIONS` keys, read at one revision. */
  read(keys: readonly string[]): Promise<ReadonlyMap<string, StoredValue>>;
  /** Everything below a prefix in key order, page by page; changes made meanwhile may or may not be seen. */
  pages(prefix: string): AsyncIterable<readonly StoredKey[]>;
  /** All or nothing, in one transaction; false when a key is not as it was read. At most `MAX_STORE_OPERATIONS`. */
  write(changes: readonly StoreChange[]): Promise<boolean>;
  /** Removes everything below a prefix, if the key that gives the right to do so is still as it was read, and that key with it. */
  removeTree(prefix: string, because: { readonly key: string; readonly modRevision: string }): Promise<boolean>;
  look(keys: readonly string[]): Promise<StoreLook>;
}
