/** etcd as podwire uses it: linearizable reads, transactions on mod-revisions, bounded calls without retries. */
import type { Etcd3, IOperation, IResponseOp } from 'etcd3';
import { PodwireError } from '../../domain/failures.ts';
import { readOnce, type CredentialStore } from '../tls/rotation.ts';
import { keyPages, listPages } from './pages.ts';
import { follow, type EtcdEar } from './follow.ts';
import { openEtcd, type EtcdConnection, type EtcdOptions } from './open.ts';

export type { EtcdOptions } from './open.ts';

export interface Entry {
  readonly key: string;
  readonly value: string;
  /** Decimal text of etcd's mod_revision. */
  readonly modRevision: string;
}

export type Condition =
  | { readonly key: string; readonly is: 'absent' }
  | { readonly key: string; readonly is: 'present' }
  | { readonly key: string; readonly is: 'unchanged'; readonly modRevision: string }
  | { readonly key: string; readonly is: 'equal'; readonly value: string };

export type Operation = { readonly put: string; readonly value: string } | { readonly remove: string };

/** One key, or all below a prefix. */
export type Ask = { readonly key: string } | { readonly prefix: string };

export interface Listing {
  readonly entries: readonly Entry[];
  /** Store revision at which the listing was read. */
  readonly revision: string;
}

export interface Etcd {
  get(key: string): Promise<Entry | undefined>;
  list(prefix: string): Promise<Listing>;
  /** Several reads of one revision, by one call; the entries of each, in the order of the asks. */
  read(asks: readonly Ask[]): Promise<readonly (readonly Entry[])[]>;
  /** The same, and removes `key` in the same moment, if it is there. Where it is not, nothing is written to the disk. */
  removeAndRead(key: string, asks: readonly Ask[]): Promise<readonly (readonly Entry[])[]>;
  /** Keys only, for prefixes whose values do not matter. */
  keys(prefix: string): Promise<readonly string[]>;
  /** Applies the operations when all conditions hold; `applied: false` means somebody else was faster. */
  transact(
    conditions: readonly Condition[],
    operations: readonly Operation[],
  ): Promise<{ applied: boolean; revision: string }>;
  close(): void;
}

export interface WatchedEtcd extends Etcd {
  /** Tells `ear` of changes of what is asked for until `signal` is aborted; a watch that breaks is made again. Never throws. */
  follow(asks: readonly Ask[], ear: EtcdEar, signal: AbortSignal): Promise<void>;
}

/** Largest transaction podwire sends; etcd refuses more than 128 operations. */
const MAX_OPERATIONS = 128;

/**
 * Opens a client; connections are made on first use. Every method throws `PodwireError('EtcdUnavailable')` when etcd does not answer.
 * @throws CredentialError
 */
export function createEtcd(options: EtcdOptions, credentials: CredentialStore = readOnce): WatchedEtcd {
  const etcd = openEtcd(options, credentials);
  return {
    get: (key) =>
      bounded(etcd, `get ${key}`, async (client) => {
        const response = await client.get(key).exec();
        const [kv] = response.kvs;
        return kv === undefined ? undefined : entry(kv);
      }),
    list: async (prefix) => {
      const { kvs, revision } = await listPages((call) => bounded(etcd, `list ${prefix}`, call), prefix);
      return { entries: kvs.map(entry), revision };
    },
    read: (asks) =>
      bounded(etcd, 'read', async (client) => {
        const { responses } = await always(client)
          .then(...ranges(client, asks))
          .commit();
        return responses.map(entriesOf);
      }),
    removeAndRead: (key, asks) =>
      bounded(etcd, `remove ${key}, and read`, async (client) => {
        const { responses } = await client
          .if(key, 'Create', '>', 0)
          .then(...ranges(client, asks), client.delete().key(key))
          .else(...ranges(client, asks))
          .commit();
        return responses.slice(0, asks.length).map(entriesOf);
      }),
    keys: (prefix) => keyPages((call) => bounded(etcd, `list keys of ${prefix}`, call), prefix),
    transact: (conditions, operations) =>
      bounded(etcd, 'transaction', async (client) => {
        if (operations.length > MAX_OPERATIONS)
          throw new RangeError(`${operations.length} operations in one transaction; at most ${MAX_OPERATIONS}`);
        const transaction = conditions.reduce(addCondition, always(client));
        const response = await transaction
          .then(...operations.map((operation) => toOperation(client, operation)))
          .commit();
        return { applied: response.succeeded, revision: String(response.header.revision) };
      }),
    follow: (asks, ear, signal) => follow(etcd, asks, ear, signal),
    close: () => etcd.close(),
  };
}

const ranges = (client: Etcd3, asks: readonly Ask[]): IOperation[] =>
  asks.map((ask) => ('key' in ask ? client.get(ask.key) : client.getAll().prefix(ask.prefix)));

const entriesOf = ({ response_range: range }: IResponseOp): Entry[] => (range?.kvs ?? []).map(entry);

type Transaction = ReturnType<Etcd3['if']>;

/**
 * etcd3 wants a first comparison; a version is never below zero, so this one always holds. etcd asks for the right to read what is
 * compared, so it is a key that a role for podwire's own tree covers.
 */
const always = (client: Etcd3): Transaction => client.if('/podwire/', 'Version', '>', -1);

function addCondition(transaction: Transaction, condition: Condition): Transaction {
  switch (condition.is) {
    case 'absent':
      return transaction.and(condition.key, 'Create', '==', 0);
    case 'present':
      return transaction.and(condition.key, 'Create', '>', 0);
    case 'unchanged':
      return transaction.and(condition.key, 'Mod', '==', condition.modRevision);
    case 'equal':
      return transaction.and(condition.key, 'Value', '==', condition.value);
  }
}

function toOperation(client: Etcd3, operation: Operation): IOperation {
  return 'put' in operation ? client.put(operation.put).value(operation.value) : client.delete().key(operation.remove);
}

function entry(kv: { key: Buffer; value: Buffer; mod_revision: string }): Entry {
  return { key: kv.key.toString('utf8'), value: kv.value.toString('utf8'), modRevision: String(kv.mod_revision) };
}

/** One use of podwire's etcd. @throws PodwireError `EtcdUnavailable`, or what the call itself throws of what it read */
export async function bounded<T>(etcd: EtcdConnection, what: string, call: (client: Etcd3) => Promise<T>): Promise<T> {
  try {
    return await etcd.use(call);
  } catch (error) {
    if (error instanceof RangeError || error instanceof PodwireError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new PodwireError('EtcdUnavailable', `podwire's etcd did not answer (${what}): ${reason}`, { cause: error });
  }
}
