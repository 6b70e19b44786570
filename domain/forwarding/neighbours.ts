/** Static neighbours of VXLAN devices that do not flood: who has an address is known from the membership, nobody has to ask. Pure. */
import { addressOf } from '../text/cidr.ts';
import { isUnicast, reachable, type ForwardingSpec } from './fdb.ts';

export interface Neighbour {
  /** Canonical address, without a prefix. */
  readonly address: string;
  readonly mac: string;
}

export interface NeighbourChange {
  /** New ones, and those whose MAC is another one now. */
  readonly set: readonly Neighbour[];
  readonly remove: readonly Neighbour[];
}

/** The neighbours a member's device should have: each address of each other member; none on a device that floods. */
export function desiredNeighbours(spec: ForwardingSpec): Neighbour[] {
  if (spec.flood) return [];
  const macs = new Map<string, string>();
  for (const member of reachable(spec).filter(isUnicast))
    for (const cidr of member.addresses) macs.set(addressOf(cidr), member.mac);
  return [...macs].map(([address, mac]) => ({ address, mac }));
}

/** What leads from the neighbours that podwire made to those that should be. */
export function neighbourDifference(present: readonly Neighbour[], desired: readonly Neighbour[]): NeighbourChange {
  const have = new Map(present.map(({ address, mac }) => [address, mac]));
  const want = new Set(desired.map(({ address }) => address));
  return {
    set: desired.filter(({ address, mac }) => have.get(address) !== mac),
    remove: present.filter(({ address }) => !want.has(address)),
  };
}
