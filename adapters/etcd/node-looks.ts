/** When the nodes' workers last looked for leaks and drift. */
import { z } from 'zod';
import { PodwireError } from '../../domain/failures.ts';
import { nodeKey } from '../../domain/keys.ts';
import { RECORD_VERSION } from '../../domain/records.ts';
import type { Etcd } from './client.ts';
import { parseEntry } from './schemas.ts';

const nodeSchema = z.object({ v: z.literal(RECORD_VERSION), lookedAt: z.string().exactOptional() });

export interface NodeLook {
  readonly node: string;
  /** ISO 8601; undefined: never, in this life of the store. */
  readonly lookedAt: string | undefined;
}

/**
 * All nodes that have, or had, a worker.
 *
 * @param onUnreadable leaves out the record that cannot be read, and is told why: for those who show looks. Without it such a record is an
 *   error: whoever takes things from nodes that do not look any more must not take silence for it.
 * @throws PodwireError EtcdUnavailable, RecordInvalid
 */
export async function readNodeLooks(etcd: Etcd, onUnreadable?: (why: string) => void): Promise<NodeLook[]> {
  const prefix = nodeKey('');
  const { entries } = await etcd.list(prefix);
  return entries.flatMap((entry) => {
    try {
      return [{ node: entry.key.slice(prefix.length), lookedAt: parseEntry(nodeSchema, entry).lookedAt }];
    } catch (error) {
      if (onUnreadable === undefined || !(error instanceof PodwireError)) throw error;
      onUnreadable(error.message);
      return [];
    }
  });
}

/** When each node was looked at last, in milliseconds since 1970; 0: never. @throws as `readNodeLooks` */
export async function readLookTimes(etcd: Etcd): Promise<ReadonlyMap<string, number>> {
  const looks = await readNodeLooks(etcd);
  return new Map(looks.map(({ node, lookedAt }) => [node, Date.parse(lookedAt ?? '') || 0]));
}
