/** podwire's etcd for the length of one command. */
import type { Etcd } from '../adapters/etcd/client.ts';
import type { etcdSettings } from '../config/etcd.ts';
import { etcdOf } from '../config/etcd.ts';
import type { Values } from '../config/cli-flags.ts';

/** A command may list all attachments of a large cluster, which the processes never do in one call with a person waiting. */
const CALL_LIMIT_MS = 10_000;

export async function withEtcd<T>(settings: Values<typeof etcdSettings>, work: (etcd: Etcd) => Promise<T>): Promise<T> {
  const { createEtcd } = await import('../adapters/etcd/client.ts');
  const etcd = createEtcd({ ...etcdOf(settings), timeoutMs: CALL_LIMIT_MS });
  try {
    return await work(etcd);
  } finally {
    etcd.close();
  }
}
