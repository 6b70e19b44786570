/** Records of pools as they stand in etcd. */
import { z } from 'zod';
import type { IpNumbers } from '../../domain/ports/ip-numbers.ts';
import type { Taken } from '../../domain/ipam/occupancy.ts';
import type { AddressOwner } from '../../domain/ipam/owner.ts';
import type { AddressRecord, OwnerRecord, StickyRecord } from '../../domain/ipam/records.ts';
import { poolAddressesPrefix } from '../../domain/keys.ts';
import type { IpValue } from '../../domain/primary/subnet.ts';
import type { Entry } from './client.ts';

const text = z.string();
const owner = z.object({
  kind: z.enum(['pod', 'container']),
  id: text,
  interfaceName: text,
  node: text,
  pod: z.object({ namespace: text, name: text }).optional(),
  network: text.exactOptional(),
  netns: text.exactOptional(),
});
const version = z.literal(1);

const ownerRecord = z.object({
  v: version,
  pool: text,
  owner,
  addresses: z.array(z.object({ address: text, gateway: text.exactOptional() })),
  at: z.number(),
  restMs: z.number(),
  sticky: text.exactOptional(),
  slot: z.number().int().exactOptional(),
});
const addressRecord = z.object({
  v: version,
  state: z.enum(['held', 'resting', 'kept']),
  owner,
  at: z.number(),
  until: z.number().exactOptional(),
  sticky: text.exactOptional(),
});
const stickyRecord = z.object({ v: version, addresses: z.array(text) });

/** undefined: it is none, or that of a newer build, and is left as it is. */
export const ownerRecordIn = (entry: Entry): OwnerRecord | undefined => parsed(ownerRecord, entry);
export const addressRecordIn = (entry: Entry): AddressRecord | undefined => parsed(addressRecord, entry);
export const stickyRecordIn = (entry: Entry): StickyRecord | undefined => parsed(stickyRecord, entry);

export const takenIn = (entry: Entry): Taken => ({ record: addressRecordIn(entry), modRevision: entry.modRevision });

/** undefined: the key names no address. */
export const addressIn = (
  pool: string,
  { key }: Pick<Entry, 'key'>,
  ip: Pick<IpNumbers, 'value'>,
): IpValue | undefined => ip.value(key.slice(poolAddressesPrefix(pool).length));

function parsed<T extends z.ZodType>(schema: T, { value }: Entry): z.output<T> | undefined {
  try {
    return schema.parse(JSON.parse(value));
  } catch {
    return undefined;
  }
}

/** An address that was its owner's, and is nobody's for so long, in milliseconds; 0: it is free as soon as others learn of it. */
export const resting = (owner: AddressOwner, at: number, ms: number): AddressRecord => ({
  ...{ v: 1, state: 'resting', owner },
  ...{ at, until: at + ms },
});
