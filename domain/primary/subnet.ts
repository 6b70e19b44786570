/** Addresses and ranges of addresses as numbers: what is calculated is exact in both families, and nothing wraps around. */

import type { IpNumbers } from '../ports/ip-numbers.ts';

export interface IpValue {
  readonly family: 4 | 6;
  /** As the address reads in network byte order: 10.0.0.1 is 0x0a000001. */
  readonly value: bigint;
}

/** All addresses that begin with the same `prefix` bits. */
export interface Subnet {
  readonly family: 4 | 6;
  /** The first address; its host bits are clear. */
  readonly base: bigint;
  readonly prefix: number;
}

export const WIDTH = { 4: 32, 6: 128 } as const;

/** `address/prefix`, as `IpNumbers.subnet` reads it. */
export const subnetText = ({ family, base, prefix }: Subnet, ip: Pick<IpNumbers, 'text'>): string =>
  `${ip.text({ family, value: base })}/${prefix}`;

export const hostBits = ({ family, prefix }: Subnet): number => WIDTH[family] - prefix;

/** How many addresses it has, the first and the last one included. */
export const sizeOf = (subnet: Subnet): bigint => 1n << BigInt(hostBits(subnet));

/** The last address: of IPv4 it is the broadcast address. */
const lastOf = (subnet: Subnet): bigint => subnet.base + sizeOf(subnet) - 1n;

export const containsAddress = (subnet: Subnet, { family, value }: IpValue): boolean =>
  family === subnet.family && value >= subnet.base && value <= lastOf(subnet);

export const overlap = (one: Subnet, other: Subnet): boolean =>
  one.family === other.family && one.base <= lastOf(other) && other.base <= lastOf(one);

/** @throws RangeError for a number that the subnet has no address for */
export function addressAt(subnet: Subnet, index: bigint): IpValue {
  if (index < 0n || index >= sizeOf(subnet)) throw new RangeError(`address ${index} of a subnet of ${sizeOf(subnet)}`);
  return { family: subnet.family, value: subnet.base + index };
}

/**
 * The part with this number when a subnet is divided into those with the longer prefix.
 * @throws RangeError for a number that it has no part for
 */
export function subnetAt({ family, base, prefix }: Subnet, longer: number, index: bigint): Subnet {
  if (longer < prefix || longer > WIDTH[family] || index < 0n || index >> BigInt(longer - prefix) !== 0n)
    throw new RangeError(`subnet ${index} of /${longer} in one of /${prefix}`);
  return { family, base: base + (index << BigInt(WIDTH[family] - longer)), prefix: longer };
}
