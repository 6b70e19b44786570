/** Forwarding entries of VXLAN devices: which there should be, and what to change. Pure. */
import type { Member } from '../records.ts';

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

export interface ForwardingSpec {
  readonly members: readonly Pick<Member, 'podUid' | 'vtep' | 'sendsFrom' | 'mac' | 'addresses'>[];
  /** The device's own tunnel address. */
  readonly vtep: string;
  readonly podUid: string;
  /** Extra destinations that are no pods (`peers=`). */
  readonly peers: readonly string[];
  /** False: an entry for each member's MAC instead of flooding to all of them. */
  readonly flood: boolean;
}

const MAC = /^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/;

export const familyOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

/** Members that a device sends to: those of other pods, with a tunnel address of its family (the kernel refuses the other one). */
export function reachable(spec: ForwardingSpec): ForwardingSpec['members'][number][] {
  const family = familyOf(spec.vtep);
  return spec.members.filter(
    ({ podUid, vtep }) => podUid !== spec.podUid && vtep !== spec.vtep && familyOf(vtep) === family,
  );
}

/** True when a member can be sent to without flooding. */
export const isUnicast = ({ mac }: { readonly mac: string }): boolean => MAC.test(mac) && mac !== FLOOD_MAC;

/**
 * The entries a member's device should have. Flooding: one flood entry for each other member and each declared peer. Otherwise one
 * for each other member's MAC; peers are flooded to all the same, since nobody knows their MACs. Without duplicates.
 *
 * @param entryOf makes an entry; a caller with many devices of one network may give the same object to all of them
 */
export function desiredEntries(spec: ForwardingSpec, entryOf: EntryOf = plainEntry): FdbEntry[] {
  const family = familyOf(spec.vtep);
  const others = reachable(spec);
  const floods = new Set(spec.peers.filter((peer) => familyOf(peer) === family && peer !== spec.vtep));
  if (spec.flood) for (const { vtep } of others) floods.add(vtep);
  // A MAC has one destination only.
  const macs = new Map(spec.flood ? [] : others.filter(isUnicast).map(({ mac, vtep }) => [mac, vtep]));
  return [
    ...[...macs].map(([mac, destination]) => entryOf(mac, destination)),
    ...[...floods].map((destination) => entryOf(FLOOD_MAC, destination)),
  ];
}

export type EntryOf = (mac: string, destination: string) => FdbEntry;

const plainEntry: EntryOf = (mac, destination) => ({ mac, destination });

/**
 * Set difference from what is there to what should be. Entries without a destination are of other kinds and stay.
 *
 * @param ours on a device that somebody else made: what podwire itself wanted there before; nothing else is removed
 */
export function fdbDifference(
  present: readonly FdbEntry[],
  desired: readonly FdbEntry[],
  ours?: readonly FdbEntry[],
): FdbChange {
  const presentKeys = new Set(present.map(fdbKey));
  const desiredKeys = new Set(desired.map(fdbKey));
  const ourKeys = ours === undefined ? undefined : new Set(ours.map(fdbKey));
  return {
    add: desired.filter((entry) => !presentKeys.has(fdbKey(entry))),
    remove: present.filter((entry) => {
      if (entry.destination === undefined) return false;
      const key = fdbKey(entry);
      return !desiredKeys.has(key) && (ourKeys?.has(key) ?? true);
    }),
  };
}

/** Destinations of entries that nobody asks for, sorted, each once: on an adopted device somebody else's, or left over (ADR 30). */
export function unknownDestinations(present: readonly FdbEntry[], desired: readonly FdbEntry[]): string[] {
  const { remove } = fdbDifference(present, desired);
  return [...new Set(remove.flatMap(({ destination }) => destination ?? []))].sort();
}

const knownKeys = new WeakMap<FdbEntry, string>();

/** Equal keys, equal entries. Remembered per object: a network's devices share theirs by the thousand. */
export function fdbKey(entry: FdbEntry): string {
  let key = knownKeys.get(entry);
  if (key === undefined) {
    key = [entry.mac, entry.destination, entry.port, entry.vni, entry.via].map((part) => part ?? '').join(' ');
    knownKeys.set(entry, key);
  }
  return key;
}
