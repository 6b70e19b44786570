/** What the devices of a network should forward, and how it gets into them: forwarding entries, and static neighbours without flooding. */
import {
  fdbDifference,
  isUnicast,
  wishedEntries,
  type EntryOf,
  type FdbChange,
  type FdbEntry,
  type ForwardingWish,
} from '../../domain/fdb.ts';
import { membershipChange, type MembershipChange } from '../../domain/membership-change.ts';
import {
  neighbourDifference,
  wishedNeighbours,
  type Neighbour,
  type NeighbourChange,
} from '../../domain/neighbours.ts';
import type { ForwardingOutcome, LinkChange, NetnsKernel, OpenNetns } from '../../domain/ports/link-kernel.ts';
import type { MembersRead } from '../../domain/ports/node-store.ts';
import type { Member, VxlanAttachmentRecord } from '../../domain/records.ts';

export interface Forwarding {
  readonly fdb: readonly FdbEntry[];
  /** Those that podwire made. */
  readonly neighbours: readonly Neighbour[];
}

/** One reading of a network's membership; a later one has a higher ticket. */
export interface Membership {
  readonly ticket: number;
  readonly members: readonly Member[];
  readonly entryOf: EntryOf;
  /** False: members may be missing, so that nothing is removed on account of it. */
  readonly isWhole: boolean;
  /** What led to it from earlier readings, by their tickets: computed once for all devices. */
  readonly changes: Map<number, MembershipChange | undefined>;
}

/** What a device's record asks for, apart from the members. */
export type DeviceWish = Omit<ForwardingWish, 'members'>;

export interface ForwardingChange {
  readonly netns: OpenNetns;
  readonly link: string;
  readonly fdb: FdbChange;
  readonly neighbours: NeighbourChange;
}

export type ForwardingKernel = Pick<NetnsKernel, 'readFdb' | 'changeFdbs' | 'readNeighbours' | 'changeNeighbours'>;

/** A network's devices ask for the same entries: equal ones are one object, with all that is remembered of it. */
export function membershipOf(ticket: number, { members, isWhole }: MembersRead): Membership {
  const entries = new Map<string, FdbEntry>();
  const entryOf: EntryOf = (mac, destination) => {
    const key = `${mac} ${destination}`;
    const known = entries.get(key);
    if (known !== undefined) return known;
    const entry = { mac, destination };
    entries.set(key, entry);
    return entry;
  };
  return { ticket, members, entryOf, isWhole, changes: new Map() };
}

export function deviceWish({ vtep, podUid, link }: VxlanAttachmentRecord): DeviceWish {
  return { vtep, podUid, peers: link.peers, flood: link.flood !== false };
}

export function wishedForwarding(record: VxlanAttachmentRecord, membership: Membership): Forwarding {
  return forwardingFor(deviceWish(record), membership);
}

export function forwardingFor(device: DeviceWish, { members, entryOf }: Membership): Forwarding {
  const wish = { ...device, members };
  return { fdb: wishedEntries(wish, entryOf), neighbours: wishedNeighbours(wish) };
}

/**
 * As `changeTo` from what one membership asks for to what a later one does, without going through all members: a thousand members on each of
 * hundreds of devices are many.
 * @returns undefined when it takes a look at all of them
 */
export function changeSince(
  before: Membership,
  after: Membership,
  device: DeviceWish,
): ReturnType<typeof changeTo> | undefined {
  const { changes } = after;
  if (!changes.has(before.ticket)) changes.set(before.ticket, membershipChange(before.members, after.members));
  const change = changes.get(before.ticket);
  if (change === undefined) return undefined;
  const wishOf = (members: readonly Member[]): ForwardingWish => ({ ...device, peers: [], members });
  const [joined, left] = [wishOf(change.joined), wishOf(change.left)];
  const declared = new Set(device.peers);
  const notDeclared = (entries: readonly FdbEntry[]): FdbEntry[] =>
    entries.filter((entry) => isUnicast(entry) || !declared.has(entry.destination ?? ''));
  return {
    fdb: {
      add: notDeclared(wishedEntries(joined, after.entryOf)),
      remove: notDeclared(wishedEntries(left, before.entryOf)),
    },
    neighbours: { set: wishedNeighbours(joined), remove: wishedNeighbours(left) },
  };
}

/**
 * What a link has; undefined when there is no such link. Neighbours of ours are only where there are entries for MACs: `write` keeps
 * it so, also when it is interrupted.
 */
export async function readForwarding(
  kernel: ForwardingKernel,
  netns: OpenNetns,
  link: string,
): Promise<Forwarding | undefined> {
  const fdb = await kernel.readFdb(netns, link);
  if (fdb === undefined) return undefined;
  const neighbours = fdb.some(isUnicast) ? await kernel.readNeighbours(netns, link) : [];
  return neighbours === undefined ? undefined : { fdb, neighbours };
}

/** @param ours on an adopted link: what podwire wished there before */
export function changeTo(
  wished: Forwarding,
  present: Forwarding,
  ours?: readonly FdbEntry[],
): Pick<ForwardingChange, 'fdb' | 'neighbours'> {
  return {
    fdb: fdbDifference(present.fdb, wished.fdb, ours),
    neighbours: neighbourDifference(present.neighbours, wished.neighbours),
  };
}

/** Of a change, what takes nothing away: for a membership that may lack members. */
export const onlyAdding = ({
  fdb,
  neighbours,
}: Pick<ForwardingChange, 'fdb' | 'neighbours'>): Pick<ForwardingChange, 'fdb' | 'neighbours'> => ({
  fdb: { add: fdb.add, remove: [] },
  neighbours: { set: neighbours.set, remove: [] },
});

export const isEmpty = ({ fdb, neighbours }: Pick<ForwardingChange, 'fdb' | 'neighbours'>): boolean =>
  fdb.add.length + fdb.remove.length + neighbours.set.length + neighbours.remove.length === 0;

/**
 * Carries changes out, one process per link, or up to three where neighbours change: new entries, then neighbours, then what goes. So
 * nothing that can be reached is out of reach in between, also when a network changes over from flooding or to it.
 */
export async function write(
  kernel: ForwardingKernel,
  changes: readonly ForwardingChange[],
): Promise<PromiseSettledResult<ForwardingOutcome>[]> {
  const outcomes = changes.map((): PromiseSettledResult<ForwardingOutcome> => ({
    status: 'fulfilled',
    value: 'applied',
  }));
  const still = (index: number): boolean => {
    const outcome = outcomes[index];
    return outcome?.status === 'fulfilled' && outcome.value === 'applied';
  };
  const stage = async <T>(
    partOf: (change: ForwardingChange) => T | undefined,
    carryOut: (changes: readonly LinkChange<T>[]) => Promise<PromiseSettledResult<ForwardingOutcome>[]>,
  ): Promise<void> => {
    const indexes: number[] = [];
    const parts: LinkChange<T>[] = [];
    for (const [index, whole] of changes.entries()) {
      const change = still(index) ? partOf(whole) : undefined;
      if (change === undefined) continue;
      indexes.push(index);
      parts.push({ netns: whole.netns, link: whole.link, change });
    }
    if (parts.length === 0) return;
    const results = await carryOut(parts);
    for (const [at, index] of indexes.entries()) outcomes[index] = results[at] ?? outcomes[index]!;
  };
  const first = ({ fdb, neighbours }: ForwardingChange): FdbChange =>
    hasNeighbours(neighbours) ? { add: fdb.add, remove: [] } : fdb;
  const last = ({ fdb, neighbours }: ForwardingChange): FdbChange =>
    hasNeighbours(neighbours) ? { add: [], remove: fdb.remove } : NO_ENTRIES;
  await stage(
    (change) => nonEmpty(first(change)),
    (parts) => kernel.changeFdbs(parts),
  );
  await stage(
    ({ neighbours }) => (hasNeighbours(neighbours) ? neighbours : undefined),
    (parts) => kernel.changeNeighbours(parts),
  );
  await stage(
    (change) => nonEmpty(last(change)),
    (parts) => kernel.changeFdbs(parts),
  );
  return outcomes;
}

const NO_ENTRIES: FdbChange = { add: [], remove: [] };

const hasNeighbours = ({ set, remove }: NeighbourChange): boolean => set.length + remove.length > 0;

const nonEmpty = (change: FdbChange): FdbChange | undefined =>
  change.add.length + change.remove.length === 0 ? undefined : change;
