/** Who serves runs: a key for each process below one prefix, which etcd removes by itself soon after the process is gone. */
import type { Etcd3 } from 'etcd3';
import { z } from 'zod';
import * as keys from '../../domain/keys.ts';
import type { Roster } from '../../domain/ports/workflow-builds.ts';
import { RECORD_VERSION } from '../../domain/records.ts';
import type { Server } from '../../domain/workflow-builds.ts';
import { bounded } from './client.ts';
import type { EtcdConnection } from './open.ts';
import { parseEntry } from './schemas.ts';

/** A process that was killed counts for so long. */
const TTL_SECONDS = 15;
const KEEP_ALIVE_MS = 1_000;

/** It becomes part of a query in Temporal. */
const serverSchema = z.object({ v: z.literal(RECORD_VERSION), build: z.string().regex(/^[A-Za-z0-9.+-]{0,100}$/) });

/** @param id of this process, another one for each */
export function createRoster(connection: EtcdConnection, { id, build }: { id: string; build: string }): Roster {
  const key = keys.orchestratorKey(id);
  const value = JSON.stringify({ v: RECORD_VERSION, build });
  let lease: string | undefined;

  const enter = async (client: Etcd3): Promise<void> => {
    const granted = await client.leaseClient.leaseGrant({ TTL: TTL_SECONDS });
    await client.put(key).value(value).lease(granted.ID).exec();
    lease = granted.ID;
  };
  const servers = async (client: Etcd3): Promise<Server[]> => {
    const { kvs } = await client.getAll().prefix(keys.orchestratorsPrefix()).exec();
    return kvs.map((kv) => {
      const entry = { key: kv.key.toString(), value: kv.value.toString(), modRevision: String(kv.mod_revision) };
      return {
        build: parseEntry(serverSchema, entry).build,
        rank: BigInt(kv.create_revision),
        isMe: entry.key === key,
      };
    });
  };
  return {
    renew: () =>
      bounded(connection, 'say which build of the workflows serves', async (client) => {
        if (lease === undefined || !(await keepAlive(client, lease))) await enter(client);
        const found = await servers(client);
        if (found.some(({ isMe }) => isMe)) return found;
        // The store was emptied under the lease.
        await enter(client);
        return servers(client);
      }),
    leave: () =>
      bounded(connection, 'say that this process serves no longer', async (client) => {
        await client.delete().key(key).exec();
      }),
  };
}

/** @returns false when etcd does not know the lease any more */
async function keepAlive(client: Etcd3, lease: string): Promise<boolean> {
  const stream = await client.leaseClient.leaseKeepAlive({ deadline: Date.now() + KEEP_ALIVE_MS });
  try {
    const answer = new Promise<{ TTL: string }>((resolve, reject) => {
      stream.on('data', resolve);
      stream.on('error', reject);
    });
    stream.write({ ID: lease });
    return Number((await answer).TTL) > 0;
  } finally {
    stream.end();
  }
}
