/** The one transaction that gives an owner what was chosen for it. */
import { ownerId } from '../../domain/ipam/owner.ts';
import type { AddressPool } from '../../domain/ipam/pool.ts';
import type { AddressRecord, OwnerRecord } from '../../domain/ipam/records.ts';
import { addressOwnerKey, poolAddressKey, quotaKey } from '../../domain/keys.ts';
import type { IpNumbers } from '../../domain/ports/ip-numbers.ts';
import { addressOf } from '../../domain/text/cidr.ts';
import type { Asked, Chosen } from './address-choice.ts';
import type { Condition, Operation } from './client.ts';
import { resting } from './pool-records.ts';
import { putOperation, unchanged } from './record-entries.ts';

export interface AddressChange {
  readonly ownerKey: string;
  /** In the order of the places. */
  readonly addressKeys: readonly string[];
  readonly record: OwnerRecord;
  readonly held: AddressRecord;
  /** Of an exchange: what the owner has no longer, and the record that it gets. */
  readonly left: readonly { readonly address: string; readonly record: AddressRecord }[];
  readonly conditions: readonly Condition[];
  readonly operations: readonly Operation[];
}

/** @param at milliseconds since 1970 */
export function addressChange(
  { pool, owner, previous }: Pick<Asked, 'pool' | 'owner' | 'previous'>,
  { places, sticky, slot, conditions }: Chosen,
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
  const hasSlot = slot === undefined || owner.pod === undefined || slot === previous?.record.slot;
  const slotKey = hasSlot ? [] : [quotaKey(pool.name, owner.pod.namespace, slot)];
  const left = leftOf(previous?.record, addressKeys, pool, at);
  return {
    ...{ ownerKey, addressKeys, record, held, left },
    conditions: [
      previous === undefined ? { key: ownerKey, is: 'absent' } : unchanged(previous.entry),
      ...slotKey.map((key): Condition => ({ key, is: 'absent' })),
      ...unmoved,
      ...conditions,
      ...(sticky?.conditions ?? []),
    ],
    operations: [
      putOperation(ownerKey, record),
      ...addressKeys.map((key) => putOperation(key, held)),
      ...left.map(({ address, record: resting }) => putOperation(poolAddressKey(pool.name, address), resting)),
      ...slotKey.map((key): Operation => ({ put: key, value: ownerKey })),
      ...(sticky?.operations ?? []),
    ],
  };
}

/** A link has what it had until its next step, which comes within seconds unless its node dies. */
const LEAST_REST_MS = 60_000;

function leftOf(
  previous: OwnerRecord | undefined,
  addressKeys: readonly string[],
  { name, restMs }: AddressPool,
  at: number,
): AddressChange['left'] {
  if (previous === undefined) return [];
  const record = resting(previous.owner, at, Math.max(restMs, LEAST_REST_MS));
  return previous.addresses
    .map(({ address }) => addressOf(address))
    .filter((address) => !addressKeys.includes(poolAddressKey(name, address)))
    .map((address) => ({ address, record }));
}

const asBefore = (key: string, modRevision: string | undefined): Condition =>
  modRevision === undefined ? { key, is: 'absent' } : unchanged({ key, modRevision });
