/**
 * Which life podwire's etcd is in, and whether podwire is to be out of the cluster. An etcd that was emptied or replaced lacks these keys,
 * and that is how its loss is seen: what they allow is allowed by their presence alone, in the transaction that needs it.
 */
import { z } from 'zod';
import * as keys from '../../domain/keys.ts';
import { RECORD_VERSION } from '../../domain/records.ts';
import type { StoreState } from '../../domain/ports/store-state.ts';
import type { Etcd } from './client.ts';
import { parseOptional, putOperation } from './record-entries.ts';
import { parseEntry } from './schemas.ts';

const incarnationSchema = z.object({ v: z.literal(1), id: z.string(), since: z.string() });
const teardownSchema = z.object({ v: z.literal(1), since: z.string() });

/** One read. @throws PodwireError EtcdUnavailable, RecordInvalid */
export async function readStoreState(etcd: Etcd): Promise<StoreState> {
  const [[incarnation] = [], [ids] = [], [whole] = [], [teardown] = []] = await etcd.read([
    { key: keys.incarnationKey() },
    { key: keys.idsKnownKey() },
    { key: keys.wholeKey() },
    { key: keys.teardownKey() },
  ]);
  return {
    incarnation: parseOptional(incarnation, (entry) => parseEntry(incarnationSchema, entry)),
    idsKnown: ids !== undefined,
    isWhole: whole !== undefined,
    teardown: parseOptional(teardown, (entry) => parseEntry(teardownSchema, entry)),
  };
}

/** Begins a life of the store, unless somebody else did. @param id new each time @param since ISO 8601 */
export async function beginIncarnation(etcd: Etcd, id: string, since: string): Promise<void> {
  const key = keys.incarnationKey();
  await etcd.transact([{ key, is: 'absent' }], [putOperation(key, { v: RECORD_VERSION, id, since })]);
}

/** Says so of this life of the store only: one that was lost meanwhile is begun anew first. @returns false: it was */
export async function declareKnown(etcd: Etcd, what: 'ids' | 'whole', id: string): Promise<boolean> {
  const now = await etcd.get(keys.incarnationKey());
  if (now === undefined || parseEntry(incarnationSchema, now).id !== id) return false;
  const key = what === 'ids' ? keys.idsKnownKey() : keys.wholeKey();
  const { applied } = await etcd.transact(
    [{ key: now.key, is: 'unchanged', modRevision: now.modRevision }],
    [putOperation(key, { v: RECORD_VERSION })],
  );
  return applied;
}

/** @param since ISO 8601; one that is set already stays */
export async function setTeardown(etcd: Etcd, since: string): Promise<void> {
  const key = keys.teardownKey();
  await etcd.transact([{ key, is: 'absent' }], [putOperation(key, { v: RECORD_VERSION, since })]);
}

export async function unsetTeardown(etcd: Etcd): Promise<void> {
  await etcd.transact([], [{ remove: keys.teardownKey() }]);
}
