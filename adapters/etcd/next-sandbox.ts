/** A sandbox that was made anew has records of its own, beside those of the old one until these have gone. */
import * as keys from '../../domain/keys.ts';
import { networkKey } from '../../domain/network-selection.ts';
import type { AttachmentRecord, Stored } from '../../domain/records.ts';
import type { Etcd } from './client.ts';
import type { Change } from './address-reservation.ts';
import { storedAttachment, unchanged } from './record-entries.ts';

/** Whether both are the same attachment of a pod, in two of its sandboxes. */
export const isSameAttachment = (one: AttachmentRecord, other: AttachmentRecord): boolean =>
  one.kind === other.kind &&
  one.interfaceName === other.interfaceName &&
  networkKey(one.network) === networkKey(other.network) &&
  one.sandboxId !== other.sandboxId;

/** What it has is reserved under the same name as that of the old sandbox. */
export async function inAnotherSandbox(
  etcd: Etcd,
  record: AttachmentRecord,
): Promise<Stored<AttachmentRecord> | undefined> {
  const [entries = []] = await etcd.read([{ prefix: keys.podAttachmentsPrefix(record.node, record.podUid) }]);
  return entries.map(storedAttachment).find(({ value }) => isSameAttachment(record, value));
}

/** What an old sandbox gives back must not be what the other one has taken meanwhile. */
export const whileUnchanged = (change: Change, next: Stored<AttachmentRecord> | undefined): Change =>
  next === undefined || change.operations.length === 0
    ? change
    : { ...change, conditions: [unchanged(next), ...change.conditions] };
