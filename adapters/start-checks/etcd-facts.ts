/** Asks an etcd what the checks at start want to know: version, alarms, and whether keys can be written, read and removed. */
import { randomUUID } from 'node:crypto';
import { EtcdPermissionDeniedError, GRPCUnauthenticatedError, type Etcd3 } from 'etcd3';
import type { EtcdFacts } from '../../domain/start-checks/etcd.ts';
import { openEtcd, type EtcdOptions } from '../etcd/open.ts';

const CALL_MS = 1_500;
/** A probe that could not be removed goes by itself, in seconds. */
const PROBE_TTL = 30;
const NO_SPACE = /database space exceeded/;
const REFUSED =
  /permission denied|user name is empty|authentication failed|invalid auth token|authentication is not enabled/;

/**
 * @param prefix below which the probe key is written; it ends in a slash. Undefined: nothing is written, for trees that others read
 * @returns facts; an etcd that does not answer is one of them
 */
export async function etcdFacts(options: EtcdOptions, prefix: string | undefined): Promise<EtcdFacts> {
  const etcd = openEtcd({ ...options, timeoutMs: CALL_MS });
  try {
    return await etcd.use((client) => ask(client, prefix));
  } catch (error) {
    return { unreachable: why(error) };
  } finally {
    etcd.close();
  }
}

async function ask(client: Etcd3, prefix: string | undefined): Promise<EtcdFacts> {
  // Rights come first: a client without a user may not even ask for the version.
  const key = `${prefix ?? ''}probe/${randomUUID()}`;
  const rights = prefix === undefined ? await answerOf(client) : await rightsOf(client, key);
  const [version, alarms] = await Promise.all([versionOf(client), alarmsOf(client)]);
  return {
    ...(version === undefined ? {} : { version }),
    ...(alarms === undefined ? {} : { alarms }),
    // A full store refuses every write, whoever writes: the alarm says it.
    ...(rights === 'full' || rights === undefined ? {} : { rights }),
  };
}

async function rightsOf(client: Etcd3, key: string): Promise<NonNullable<EtcdFacts['rights']> | 'full'> {
  try {
    const { ID: lease } = await client.leaseClient.leaseGrant({ TTL: PROBE_TTL });
    await client.put(key).value('probe').lease(lease).exec();
    await client.get(key).exec();
    await client.delete().key(key).exec();
    await client.leaseClient.leaseRevoke({ ID: lease });
    return 'granted';
  } catch (error) {
    if (NO_SPACE.test(why(error))) return 'full';
    if (isRefusal(error)) return { refused: why(error) };
    throw error;
  }
}

/** @throws when there is none; a refusal is one */
async function answerOf(client: Etcd3): Promise<undefined> {
  try {
    await client.get('/').exec();
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
}

/** Not everybody may ask; then it is not known. */
const versionOf = (client: Etcd3): Promise<string | undefined> =>
  client.maintenance.status().then(
    ({ version }) => version,
    () => undefined,
  );

const alarmsOf = (client: Etcd3): Promise<readonly string[] | undefined> =>
  client.maintenance.alarm({ action: 'Get' }).then(
    ({ alarms }) => [...new Set(alarms.map(({ alarm }) => alarm.toUpperCase()))],
    () => undefined,
  );

const isRefusal = (error: unknown): boolean =>
  error instanceof EtcdPermissionDeniedError || error instanceof GRPCUnauthenticatedError || REFUSED.test(why(error));

const why = (error: unknown): string => (error instanceof Error ? error.message : String(error));
