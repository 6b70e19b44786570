/**
 * An address of a VXLAN network is reserved by the intent of its attachment and given back in the transaction in which the attachment
 * leaves its network, or goes over to another address.
 */
import { addressesOf, addressHolder, claimedAddresses, freedAddresses } from '../../domain/plan/address-claims.ts';
import * as keys from '../../domain/keys.ts';
import type { AttachmentRecord, VxlanAttachmentRecord } from '../../domain/records.ts';
import type { Condition, Entry, Etcd, Operation } from './client.ts';

export interface Change {
  readonly conditions: readonly Condition[];
  readonly operations: readonly Operation[];
}

export const NOTHING: Change = { conditions: [], operations: [] };

/** Keys of every reservation that matters to a change from one record to another. */
export const addressKeys = (before: AttachmentRecord | undefined, after: AttachmentRecord | undefined): string[] => {
  const keysOf = (record: AttachmentRecord | undefined): string[] =>
    record === undefined ? [] : claimedAddresses(record).map((address) => keys.addressKey(record.network, address));
  return [...new Set([...keysOf(before), ...keysOf(after)])];
};

export interface TakenAddress {
  readonly address: string;
  /** As `addressHolder` has it. */
  readonly holder: string;
}

/**
 * The first address of an intent that somebody else has.
 * @param previous what the attachment had before stays its own, whatever is reserved
 * @param found reservations as they were read
 */
export function takenAddress(
  record: VxlanAttachmentRecord,
  previous: AttachmentRecord | undefined,
  found: readonly Entry[],
): TakenAddress | undefined {
  const own = claimedAddresses(previous);
  for (const address of addressesOf(record.link)) {
    const key = keys.addressKey(record.network, address);
    const entry = found.find((each) => each.key === key);
    if (entry !== undefined && entry.value !== addressHolder(record) && !own.includes(address))
      return { address, holder: entry.value };
  }
  return undefined;
}

/** What belongs to the transaction that writes `after`: reservations that it needs and lacks, and those that it gives back. */
export function reserveAddresses(
  before: AttachmentRecord | undefined,
  after: AttachmentRecord,
  found: readonly Entry[],
): Change {
  const holder = addressHolder(after);
  const isFound = (key: string): boolean => found.some((entry) => entry.key === key);
  const missing = addressKeys(undefined, after).filter((key) => !isFound(key));
  const released = releaseOf(before, after, found);
  return {
    conditions: [...missing.map((key): Condition => ({ key, is: 'absent' })), ...released.conditions],
    operations: [...missing.map((key): Operation => ({ put: key, value: holder })), ...released.operations],
  };
}

/** What belongs to the transaction in which a record becomes another one that needs no more addresses. @param after undefined: it goes */
export async function releaseAddresses(
  etcd: Etcd,
  before: AttachmentRecord,
  after: AttachmentRecord | undefined,
): Promise<Change> {
  const freed = freedAddresses(before, after);
  if (freed.length === 0) return NOTHING;
  const found = await etcd.read(freed.map((address) => ({ key: keys.addressKey(before.network, address) })));
  return releaseOf(before, after, found.flat());
}

/** Only what is its own: a pod that was attached before addresses were reserved may have one that another pod reserved. */
function releaseOf(
  before: AttachmentRecord | undefined,
  after: AttachmentRecord | undefined,
  found: readonly Entry[],
): Change {
  if (before === undefined) return NOTHING;
  const value = addressHolder(before);
  const freed = freedAddresses(before, after).map((address) => keys.addressKey(before.network, address));
  const own = found.filter((entry) => freed.includes(entry.key) && entry.value === value);
  return {
    conditions: own.map(({ key }): Condition => ({ key, is: 'equal', value })),
    operations: own.map(({ key }): Operation => ({ remove: key })),
  };
}
