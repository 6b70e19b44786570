/** When the nodes' workers last looked for leaks and drift. */
import { z } from 'zod';
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

/** All nodes that have, or had, a worker. @throws PodwireError EtcdUnavailable, RecordInvalid */
export async function readNodeLooks(etcd: Etcd): Promise<NodeLook[]> {
  const prefix = nodeKey('');
  const { entries } = await etcd.list(prefix);
  return entries.map((entry) => ({
    node: entry.key.slice(prefix.length),
    lookedAt: parseEntry(nodeSchema, entry).lookedAt,
  }));
}
