/**
 * `ReflectStore` on etcd, which may be another one than podwire's own.
 *
 * No watch is used here: etcd3's watches end for good when somebody compacts what they have not read, and say so only by an `error`
 * event. What would be watched for, an etcd that lost data, is asked for instead (`look`).
 */
import type { Etcd3 } from 'etcd3';
import { PodwireError } from '../../domain/failures.ts';
import {
  MAX_STORE_OPERATIONS,
  type ReflectStore,
  type StoreChange,
  type StoredValue,
} from '../../domain/ports/reflect-store.ts';
import { readOnce, type CredentialStore } from '../tls/rotation.ts';
import { openEtcd, type EtcdConnection, type EtcdOptions } from '../etcd/open.ts';

const PAGE = 1_000;

/** Opens a client; connections are made on first use. @throws CredentialError */
export function openReflectStore(
  options: EtcdOptions,
  credentials: CredentialStore = readOnce,
): ReflectStore & { close(): void } {
  const etcd = openEtcd(options, credentials);
  return { ...createReflectStore(etcd), close: () => etcd.close() };
}

function createReflectStore(etcd: EtcdConnection): ReflectStore {
  return {
    read: (keys) => bounded(etcd, 'read', (client) => readKeys(client, keys)),
    pages: (prefix) => readPages(etcd, prefix),
    write: (changes) => bounded(etcd, 'write', (client) => writeAll(client, changes)),
    removeTree: (prefix, because) =>
      bounded(etcd, `remove everything below ${prefix}`, async (client) => {
        const response = await client
          .if(because.key, 'Mod', '==', because.modRevision)
          .then(client.delete().prefix(prefix), client.delete().key(because.key))
          .commit();
        return response.succeeded;
      }),
    look: (keys) =>
      bounded(etcd, 'look', async (client) => {
        const [first = '/', ...others] = keys;
        const response = await client
          .if(first, 'Version', '>', -1)
          .then(...[first, ...others].map((key) => client.get(key)))
          .commit();
        const found = response.responses.flatMap((each) => each.response_range?.kvs ?? []);
        return {
          clusterId: String(response.header.cluster_id),
          revision: String(response.header.revision),
          modRevisions: new Map(found.map((kv) => [kv.key.toString('utf8'), String(kv.mod_revision)])),
        };
      }),
  };
}

async function readKeys(client: Etcd3, keys: readonly string[]): Promise<ReadonlyMap<string, StoredValue>> {
  const [first] = keys;
  if (first === undefined) return new Map();
  checkCount(keys.length);
  const response = await client
    .if(first, 'Version', '>', -1)
    .then(...keys.map((key) => client.get(key)))
    .commit();
  const found = response.responses.flatMap((each) => each.response_range?.kvs ?? []);
  return new Map(
    found.map((kv) => [kv.key.toString('utf8'), { value: kv.value, modRevision: String(kv.mod_revision) }]),
  );
}

/** Each page at the revision of its moment: a fixed one could be compacted by others before the last page is read. */
async function* readPages(etcd: EtcdConnection, prefix: string) {
  const end = endOf(prefix);
  let start = Buffer.from(prefix);
  for (;;) {
    const from = start;
    const response = await bounded(etcd, `list ${prefix}`, (client) =>
      client.getAll().inRange({ start: from, end }).limit(PAGE).exec(),
    );
    const page = response.kvs.map((kv) => ({
      key: kv.key.toString('utf8'),
      value: kv.value,
      modRevision: String(kv.mod_revision),
    }));
    if (page.length > 0) yield page;
    const last = response.kvs.at(-1);
    if (!response.more || last === undefined) return;
    start = Buffer.concat([last.key, Buffer.from([0])]);
  }
}

/** The first key after all that begin with a prefix (etcd's clientv3.GetPrefixRangeEnd); prefixes here are text, never all 0xff. */
function endOf(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  const last = end.length - 1;
  end[last] = (end[last] ?? 0) + 1;
  return end;
}

async function writeAll(client: Etcd3, changes: readonly StoreChange[]): Promise<boolean> {
  const [first, ...others] = changes;
  if (first === undefined) return true;
  checkCount(changes.length);
  const begun =
    first.was === undefined ? client.if(first.key, 'Create', '==', 0) : client.if(first.key, 'Mod', '==', first.was);
  const conditions = others.reduce(
    (transaction, { key, was }) =>
      was === undefined ? transaction.and(key, 'Create', '==', 0) : transaction.and(key, 'Mod', '==', was),
    begun,
  );
  const response = await conditions
    .then(
      ...changes.map(({ key, value }) =>
        value === undefined ? client.delete().key(key) : client.put(key).value(asBuffer(value)),
      ),
    )
    .commit();
  return response.succeeded;
}

const asBuffer = (value: Uint8Array): Buffer =>
  Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);

function checkCount(count: number): void {
  if (count > MAX_STORE_OPERATIONS)
    throw new RangeError(`${count} operations in one transaction; at most ${MAX_STORE_OPERATIONS}`);
}

/** What a person can do about it, by what etcd says (etcd's api/v3rpc/rpctypes/error.go). */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /database space exceeded/,
    'its NOSPACE alarm is raised: compact and defragment it, then run `etcdctl alarm disarm`; writing is tried again by itself',
  ],
  [
    /request is too large|too many operations/,
    'its limits are lower than the usual ones: raise --max-request-bytes and --max-txn-ops',
  ],
  [/permission denied/, 'grant the user read and write on the reflected prefixes'],
  [/authentication failed|invalid auth token|user name is empty/, 'check user name and password'],
  [/certificate|self.signed|SSL|TLS/i, 'check the CA, the certificate and its validity'],
];

async function bounded<T>(etcd: EtcdConnection, what: string, call: (client: Etcd3) => Promise<T>): Promise<T> {
  try {
    return await etcd.use(call);
  } catch (error) {
    if (error instanceof RangeError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const hint = HINTS.find(([pattern]) => pattern.test(reason))?.[1];
    throw new PodwireError(
      'EtcdUnavailable',
      `etcd of the reflected state (${what}): ${reason}${hint === undefined ? '' : `; ${hint}`}`,
      { cause: error },
    );
  }
}
