/** The one transaction that gives an owner what was chosen for it. */
import { ownerId } from '../../domain/ipam/owner.ts';
import type { AddressRecord, OwnerRecord } from '../../domain/ipam/records.ts';
import { addressOwnerKey, poolAddressKey, quotaKey } from '../../domain/keys.ts';
import type { IpNumbers } from '../../domain/ports/ip-numbers.ts';
import type { Asked, Chosen } from './address-choice.ts';
import type { Condition, Operation } from './client.ts';
import { putOperation, unchanged } from './record-entries.ts';

export interface AddressChange {
  readonly ownerKey: string;
  /** In the order of the places. */
  readonly addressKeys: readonly string[];
  readonly record: OwnerRecord;
  readonly held: AddressRecord;
  readonly conditions: readonly Condition[];
  readonly operations: readonly Operation[];
}

/** @param at milliseconds since 1970 */
export function addressChange(
  { pool, owner }: Pick<Asked, 'pool' | 'owner'>,
  { places, sticky, slot }: Chosen,
  ip: Pick<IpNumbers, 'text'>,
  at: number,
): AddressChange {
  const ofSticky = sticky === undefined ? {} : { sticky: sticky.key };
  const record: OwnerRecord = {
    ...{ v: 1, pool: pool.name, owner, at, restMs: pool.restMs, ...ofSticky },
    addresses: places.map(({ given }) => given),
    ...(slot === undefined ? {} : { slot }),
  };
  const held: AddressRecord = { v: 1, state: 'held', owner, at, ...ofSticky };
  const ownerKey = addressOwnerKey(owner.node, ownerId(owner), pool.name);
  const addressKeys = places.map(({ address }) => poolAddressKey(pool.name, ip.text(address)));
  const unmoved = places.map(({ before }, index) => asBefore(addressKeys[index] ?? '', before?.modRevision));
  const slotKey = slot === undefined || owner.pod === undefined ? [] : [quotaKey(pool.name, owner.pod.namespace, slot)];
  return {
    ...{ ownerKey, addressKeys, record, held },
    conditions: [
      ...[ownerKey, ...slotKey].map((key): Condition => ({ key, is: 'absent' })),
      ...unmoved,
      ...(sticky?.conditions ?? []),
    ],
    operations: [
      putOperation(ownerKey, record),
      ...addressKeys.map((key) => putOperation(key, held)),
      ...slotKey.map((key): Operation => ({ put: key, value: ownerKey })),
      ...(sticky?.operations ?? []),
    ],
  };
}

const asBefore = (key: string, modRevision: string | undefined): Condition =>
  modRevision === undefined ? { key, is: 'absent' } : unchanged({ key, modRevision });
