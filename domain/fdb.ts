/** Forwarding entries of VXLAN devices: which there should be, and what to change. Pure. */
import type { Member } from './records.ts';

/** The all-zero MAC floods: what has no entry of its own goes to every such destination. */
export const FLOOD_MAC = '00:00:00:00:00:00';

export interface FdbEntry {
  readonly mac: string;
  /** Canonical address; undefined for entries of other kinds (nexthop groups). */
  readonly destination: string | undefined;
  /** Set only where it differs from the device's own. */
  readonly port?: number;
  readonly vni?: number;
  readonly via?: string;
}

export interface FdbChange {
  readonly add: readonly FdbEntry[];
  readonly remove: readonly FdbEntry[];
}

export interface FloodWish {
  readonly members: readonly Pick<Member, 'podUid' | 'vtep'>[];
  /** The device's own tunnel address. */
  readonly vtep: string;
  readonly podUid: string;
  /** Extra destinations that are no pods (`peers=`). */
  readonly peers: readonly string[];
}

const familyOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

/**
 * The entries a member's device should have: one flood entry for each other member and each declared peer, of the device's
 * own address family (the kernel refuses the other one). Without duplicates, in a stable order.
 */
export function wishedFlood(wish: FloodWish): FdbEntry[] {
  const family = familyOf(wish.vtep);
  const destinations = new Set<string>(wish.peers);
  for (const member of wish.members) if (member.podUid !== wish.podUid) destinations.add(member.vtep);
  destinations.delete(wish.vtep);
  return [...destinations]
    .filter((destination) => familyOf(destination) === family)
    .sort()
    .map((destination) => ({ mac: FLOOD_MAC, destination }));
}

/**
 * Set difference from what is there to what should be. Entries without a destination are of other kinds and stay.
 *
 * @param ours whether an entry that is not wished (any more) may go: on a device of ours all of them, on an adopted one only those that
 * were wished once
 */
export function fdbDifference(
  present: readonly FdbEntry[],
  wished: readonly FdbEntry[],
  ours: (entry: FdbEntry) => boolean = () => true,
): FdbChange {
  const presentKeys = new Set(present.map(fdbKey));
  const wishedKeys = new Set(wished.map(fdbKey));
  return {
    add: wished.filter((entry) => !presentKeys.has(fdbKey(entry))),
    remove: present.filter((entry) => entry.destination !== undefined && !wishedKeys.has(fdbKey(entry)) && ours(entry)),
  };
}

/** Destinations of entries that nobody wishes, sorted, each once: on an adopted device somebody else's, or left over (decision 24). */
export function strangersIn(present: readonly FdbEntry[], wished: readonly FdbEntry[]): string[] {
  const { remove } = fdbDifference(present, wished);
  return [...new Set(remove.flatMap(({ destination }) => destination ?? []))].sort();
}

/** Equal keys, equal entries. */
export function fdbKey(entry: FdbEntry): string {
  return [entry.mac, entry.destination, entry.port, entry.vni, entry.via].map((part) => part ?? '').join(' ');
}
