/**
 * Which addresses a node has by its ID, as contiv calculates them (contiv/vpp 2.0.0, `plugins/contiv/ipam` and `node_events`), without what goes wrong
 * there at the ends of the ranges. Every function here has its inverse, or is one.
 *
 * - The pod network of node n is number n of the networks that the pod subnet has room for; the node whose ID is their count has number 0.
 * - The address of node n is number n of its subnet. The first and the last address of a subnet are nobody's.
 * - An address that is excluded is passed over, and those behind it move up by one. Only what lies within the subnet is passed over, and once.
 */
import { addressAt, containsAddress, hostBits, sizeOf, subnetAt, WIDTH, type IpValue, type Subnet } from './subnet.ts';

/** A range that is divided among the nodes. */
export interface DividedSubnet {
  readonly whole: Subnet;
  /** Prefix length of one node's part; longer than that of the whole. */
  readonly nodePrefix: number;
}

/** A range of which each node has one address. */
export interface NodeAddresses {
  readonly subnet: Subnet;
  readonly excluded: readonly IpValue[];
}

/** A node's ID does not fit into a range. */
export class NodeIdOutOfRange extends Error {
  constructor(nodeId: number, highest: bigint) {
    super(`node ID ${nodeId} is out of range: 1 to ${highest}`);
    this.name = 'NodeIdOutOfRange';
  }
}

/** How many nodes a range can be divided among; it is also the highest node ID. */
export const partsOf = ({ whole, nodePrefix }: DividedSubnet): bigint => 1n << BigInt(nodePrefix - whole.prefix);

/** @throws NodeIdOutOfRange */
export function nodeSubnet(divided: DividedSubnet, nodeId: number): Subnet {
  const parts = partsOf(divided);
  requireInRange(nodeId, parts);
  return subnetAt(divided.whole, divided.nodePrefix, BigInt(nodeId) % parts);
}

/** Whose part of the range an address lies in; undefined: it lies outside of the range. */
export function nodeIdOfSubnetAddress(divided: DividedSubnet, address: IpValue): number | undefined {
  const { whole, nodePrefix } = divided;
  if (!containsAddress(whole, address)) return undefined;
  const part = (address.value - whole.base) >> BigInt(WIDTH[whole.family] - nodePrefix);
  return Number(part === 0n ? partsOf(divided) : part);
}

/** How many nodes can have an address; it is also the highest node ID. */
export function nodeAddressesOf({ subnet, excluded }: NodeAddresses): bigint {
  const usable = sizeOf(subnet) - 2n - BigInt(passedOver(subnet, excluded).length);
  return usable > 0n ? usable : 0n;
}

/** @throws NodeIdOutOfRange */
export function nodeAddress(addresses: NodeAddresses, nodeId: number): IpValue {
  requireInRange(nodeId, nodeAddressesOf(addresses));
  let index = BigInt(nodeId);
  for (const passed of passedOver(addresses.subnet, addresses.excluded)) if (passed <= index) index += 1n;
  return addressAt(addresses.subnet, index);
}

/** Whose an address is by its number; undefined: no node can have it. */
export function nodeIdOfNodeAddress({ subnet, excluded }: NodeAddresses, address: IpValue): number | undefined {
  if (!containsAddress(subnet, address)) return undefined;
  const index = address.value - subnet.base;
  const passed = passedOver(subnet, excluded);
  if (index < 1n || index > sizeOf(subnet) - 2n || passed.includes(index)) return undefined;
  return Number(index - BigInt(passed.filter((each) => each < index).length));
}

/** Numbers in the subnet, in their order, each once; those of its ends are nobody's anyway. */
function passedOver(subnet: Subnet, excluded: readonly IpValue[]): bigint[] {
  const last = sizeOf(subnet) - 1n;
  const within = excluded
    .filter((each) => containsAddress(subnet, each))
    .map(({ value }) => value - subnet.base)
    .filter((index) => index > 0n && index < last);
  return [...new Set(within)].sort((a, b) => (a < b ? -1 : 1));
}

/** The gateway of a node's pods: the first address behind that of the network. */
export const gatewayOf = (podSubnet: Subnet): IpValue => addressAt(podSubnet, 1n);

/** Numbers of the addresses that pods of a node may have, from `first` to `last`. */
export interface PodRange {
  readonly subnet: Subnet;
  readonly first: bigint;
  readonly last: bigint;
}

/** Bits that a node's pod subnet must leave: with two there is no address left for a pod. */
export const LEAST_POD_BITS = 3;

/**
 * Not the network's address, its gateway and its last address. The one before the last is contiv's for NAT: it goes to no pod, so that a
 * node can change between the two.
 * @throws RangeError for a subnet with fewer than LEAST_POD_BITS bits for hosts
 */
export function podRange(subnet: Subnet): PodRange {
  if (hostBits(subnet) < LEAST_POD_BITS) throw new RangeError(`a pod subnet of /${subnet.prefix} has room for no pod`);
  return { subnet, first: 2n, last: sizeOf(subnet) - 3n };
}

/** How many pods can have an address at once. */
export const capacityOf = ({ first, last }: PodRange): bigint => last - first + 1n;

/** MAC of a node's end of the mesh between nodes. @throws NodeIdOutOfRange for an ID of more than 32 bits */
export function nodeMac(nodeId: number): string {
  requireInRange(nodeId, 0xffff_ffffn);
  const hex = nodeId.toString(16).padStart(8, '0');
  if (nodeId < 0x100) return `1a:2b:3c:4d:5e:${hex.slice(6)}`;
  return `12:2b:${[0, 2, 4, 6].map((at) => hex.slice(at, at + 2)).join(':')}`;
}

const SHORT_MAC = /^1a:2b:3c:4d:5e:([0-9a-f]{2})$/;
const LONG_MAC = /^12:2b:((?:[0-9a-f]{2}:){3}[0-9a-f]{2})$/;

/** undefined: it is no node's. @param mac lower-case hex with colons */
export function nodeIdOfMac(mac: string): number | undefined {
  const digits = SHORT_MAC.exec(mac)?.[1] ?? LONG_MAC.exec(mac)?.[1]?.replaceAll(':', '');
  const nodeId = parseInt(digits ?? '', 16);
  return nodeId > 0 && nodeMac(nodeId) === mac ? nodeId : undefined;
}

function requireInRange(nodeId: number, highest: bigint): void {
  if (!Number.isSafeInteger(nodeId) || nodeId < 1 || BigInt(nodeId) > highest)
    throw new NodeIdOutOfRange(nodeId, highest);
}
