/** Records as they stand in etcd: what reads one, and the operations and conditions that transactions on them are made of. */
import * as keys from '../../domain/keys.ts';
import type { AttachmentRecord, Stored } from '../../domain/records.ts';
import type { Condition, Entry, Etcd, Operation } from './client.ts';
import { attachmentSchema, memberSchema, parseEntry } from './schemas.ts';

export const putOperation = (key: string, value: unknown): Operation => ({ put: key, value: JSON.stringify(value) });
export const unchanged = ({ key, modRevision }: Pick<Entry, 'key' | 'modRevision'>): Condition => ({
  key,
  is: 'unchanged',
  modRevision,
});
export const failureKeyOf = (record: AttachmentRecord): string => keys.failureKey(record.podUid, record.interfaceName);
export const podNodeKeyOf = (record: AttachmentRecord): string => keys.podNodeKey(record.podUid, record.node);

/** Of keys that have the pod's UID right behind their prefix. */
export const podUidBelow = (prefix: string, { key }: Pick<Entry, 'key'>): string =>
  key.slice(prefix.length).split('/', 1)[0] ?? '';

export function parseOptional<T>(entry: Entry | undefined, parse: (entry: Entry) => T): T | undefined {
  return entry === undefined ? undefined : parse(entry);
}

export function storedAttachment(entry: Entry): Stored<AttachmentRecord> {
  return { key: entry.key, value: parseEntry(attachmentSchema, entry), modRevision: entry.modRevision };
}

/** The membership key if it is this attachment's: a sandbox made anew may have joined under the same key already. */
export async function memberOf(etcd: Etcd, record: AttachmentRecord): Promise<string | undefined> {
  if (record.kind === 'cni') return undefined;
  const key = keys.memberKey(record.network, record.podUid, record.interfaceName);
  const entry = await etcd.get(key);
  if (entry === undefined) return undefined;
  return parseEntry(memberSchema, entry).sandboxId === record.sandboxId ? key : undefined;
}
