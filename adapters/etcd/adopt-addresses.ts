/** Addresses that another IPAM has given already become those of a pool, as they are. */
import { ownerId, ownerText } from '../../domain/ipam/owner.ts';
import type { AddressRecord, OwnerRecord } from '../../domain/ipam/records.ts';
import { addressOwnerKey, poolAddressKey } from '../../domain/keys.ts';
import { addressOf } from '../../domain/text/cidr.ts';
import type { Etcd } from './client.ts';
import { addressRecordIn, ownerRecordIn } from './pool-records.ts';
import { putOperation } from './record-entries.ts';

/** `known`: it was adopted before, or the owner has got the same from podwire. */
export type Adopted = { readonly state: 'adopted' | 'known' } | { readonly state: 'conflict'; readonly why: string };

/** @param isDry nothing is written, and the answer is what it would be */
export async function adoptAddresses(
  etcd: Pick<Etcd, 'read' | 'transact'>,
  record: OwnerRecord,
  isDry: boolean,
): Promise<Adopted> {
  const { owner, pool, at } = record;
  const ownerKey = addressOwnerKey(owner.node, ownerId(owner), pool);
  const keys = record.addresses.map(({ address }) => poolAddressKey(pool, addressOf(address)));
  const [[known] = [], ...found] = await etcd.read([ownerKey, ...keys].map((key) => ({ key })));
  if (known !== undefined) {
    const has = ownerRecordIn(known)?.addresses.map(({ address }) => address) ?? [];
    const same = record.addresses.every(({ address }) => has.includes(address));
    return same ? { state: 'known' } : { state: 'conflict', why: `it has ${has.join(', ')} in pool ${pool}` };
  }
  const [taken] = found.flat();
  if (taken !== undefined) {
    const holder = addressRecordIn(taken);
    return {
      state: 'conflict',
      why: `${taken.key} ${holder === undefined ? 'cannot be read' : `is ${holder.state}, of ${ownerText(holder.owner)}`}`,
    };
  }
  if (isDry) return { state: 'adopted' };
  const held: AddressRecord = { v: 1, state: 'held', owner, at };
  const { applied } = await etcd.transact(
    [ownerKey, ...keys].map((key) => ({ key, is: 'absent' })),
    [putOperation(ownerKey, record), ...keys.map((key) => putOperation(key, held))],
  );
  return applied
    ? { state: 'adopted' }
    : { state: 'conflict', why: 'somebody took one of its addresses in this moment' };
}
