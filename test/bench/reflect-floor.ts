/** The floor of a resync: the same keys and values, put by a bare etcd client, in the batch size that suits etcd best. */
import { Etcd3 } from 'etcd3';

export interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
}

export interface Floor {
  readonly batch: number;
  readonly concurrency: number;
  readonly ms: number;
}

const BATCHES = [32, 128];
const CONCURRENCIES = [1, 2, 4];
const PREFIX = '/bench-floor';

/** All combinations, best first. What was written is removed. */
export async function floors(endpoint: string, values: readonly KeyValue[]): Promise<Floor[]> {
  const client = new Etcd3({ hosts: `http://${endpoint}` });
  const found: Floor[] = [];
  try {
    for (const batch of BATCHES) {
      for (const concurrency of CONCURRENCIES) {
        found.push({ batch, concurrency, ms: await putAll(client, values, batch, concurrency) });
        await client.delete().prefix(PREFIX);
      }
    }
  } finally {
    client.close();
  }
  return found.sort((a, b) => a.ms - b.ms);
}

async function putAll(client: Etcd3, values: readonly KeyValue[], batch: number, concurrency: number): Promise<number> {
  const startedAt = performance.now();
  let next = 0;
  const drain = async (): Promise<void> => {
    while (next < values.length) {
      const some = values.slice(next, next + batch);
      next += batch;
      await client
        .if(PREFIX, 'Version', '>', -1)
        .then(...some.map(({ key, value }) => client.put(`${PREFIX}${key}`).value(Buffer.from(value))))
        .commit();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, drain));
  return performance.now() - startedAt;
}
