/**
 * What the devices of a network should forward, and how it gets into them: forwarding entries, static neighbours without flooding, and from
 * whom they take packets.
 */
import { addressOf } from '../../../domain/text/cidr.ts';
import {
  fdbDifference,
  isUnicast,
  reachable,
  desiredEntries,
  type EntryOf,
  type FdbChange,
  type FdbEntry,
} from '../../../domain/forwarding/fdb.ts';
import { membershipChange, whoLeft, type MembershipChange } from '../../../domain/forwarding/membership-change.ts';
import {
  neighbourDifference,
  desiredNeighbours,
  type Neighbour,
  type NeighbourChange,
} from '../../../domain/forwarding/neighbours.ts';
import type { ForwardingKernel, ForwardingOutcome, LinkChange, OpenNetns } from '../../../domain/ports/link-kernel.ts';
import type { MembersRead } from '../../../domain/ports/node-store.ts';
import type { Member, VxlanAttachmentRecord } from '../../../domain/records.ts';
import {
  onlyAdmitting,
  sendersChange,
  sendersDifference,
  desiredSenders,
  withDestinations,
  type Senders,
  type SeenSenders,
  type SendersChange,
  type SendersSpec,
} from '../../../domain/forwarding/senders.ts';
import { allEnded } from '../../concurrency/all-ended.ts';

export interface Forwarding {
  readonly fdb: readonly FdbEntry[];
  /** Those that podwire made. */
  readonly neighbours: readonly Neighbour[];
  readonly senders: SeenSenders;
}

export interface DesiredForwarding extends Forwarding {
  readonly senders: Senders | undefined;
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
  /** Who left since earlier readings, likewise. */
  readonly left: Map<number, readonly Member[]>;
}

/** What a device's record asks for, apart from the members. */
export type DeviceSpec = Omit<SendersSpec, 'members'>;

export interface ForwardingChange {
  readonly netns: OpenNetns;
  readonly link: string;
  /** Under which the senders are kept: the link has another name while it is made. */
  readonly interfaceName: string;
  readonly fdb: FdbChange;
  readonly neighbours: NeighbourChange;
  readonly senders: SendersChange | undefined;
  /** Addresses whose MACs the kernel must not know any more by what it learned. */
  readonly outdated: readonly string[];
}

/** What is to be changed, without where. */
export type Difference = Pick<ForwardingChange, 'fdb' | 'neighbours' | 'senders' | 'outdated'>;

/**
 * Whether links take packets from members only. `off`: from everybody, and what kept others out before is taken away. `unavailable`: nobody
 * here can tell or change it.
 */
export type SenderFiltering = 'on' | 'off' | 'unavailable';

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
  return { ticket, members, entryOf, isWhole, changes: new Map(), left: new Map() };
}

export function deviceSpec({ vtep, podUid, link }: VxlanAttachmentRecord, filtering: SenderFiltering): DeviceSpec {
  const { peers, vni, dstPort } = link;
  const tunnel = filtering === 'on' ? { vni, dstPort } : undefined;
  return { vtep, podUid, peers, flood: link.flood !== false, tunnel };
}

export function desiredForwarding(record: VxlanAttachmentRecord, membership: Membership): DesiredForwarding {
  return forwardingFor(deviceSpec(record, 'unavailable'), membership);
}

export function forwardingFor(device: DeviceSpec, { members, entryOf }: Membership): DesiredForwarding {
  const spec = { ...device, members };
  return { fdb: desiredEntries(spec, entryOf), neighbours: desiredNeighbours(spec), senders: desiredSenders(spec) };
}

/**
 * As `changeTo` from what one membership asks for to what a later one does, without going through all members: a thousand members on each of
 * hundreds of devices are many.
 * @returns undefined when it takes a look at all of them
 */
export function changeSince(before: Membership, after: Membership, device: DeviceSpec): Difference | undefined {
  const { changes } = after;
  if (!changes.has(before.ticket)) changes.set(before.ticket, membershipChange(before.members, after.members));
  const change = changes.get(before.ticket);
  if (change === undefined) return undefined;
  const desiredOf = (members: readonly Member[]): SendersSpec => ({ ...device, peers: [], members });
  const [joined, left] = [desiredOf(change.joined), desiredOf(change.left)];
  const declared = new Set(device.peers);
  const notDeclared = (entries: readonly FdbEntry[]): FdbEntry[] =>
    entries.filter((entry) => isUnicast(entry) || !declared.has(entry.destination ?? ''));
  return {
    fdb: {
      add: notDeclared(desiredEntries(joined, after.entryOf)),
      remove: notDeclared(desiredEntries(left, before.entryOf)),
    },
    neighbours: { set: desiredNeighbours(joined), remove: desiredNeighbours(left) },
    senders: sendersSince(joined, left, { ...device, members: after.members }),
    outdated: [],
  };
}

/**
 * Addresses of members that left since an earlier reading, as far as the kernel learned their MACs by itself. Whoever has such an address next
 * announces it when its link comes up, and is not let in by then.
 */
export function outdatedSince(before: Membership, after: Membership, device: DeviceSpec): string[] {
  if (device.tunnel === undefined || !device.flood || before === after) return [];
  let members = after.left.get(before.ticket);
  if (members === undefined) after.left.set(before.ticket, (members = whoLeft(before.members, after.members)));
  return [...new Set(reachable({ ...device, members }).flatMap(({ addresses }) => addresses.map(addressOf)))];
}

function sendersSince(joined: SendersSpec, left: SendersSpec, now: SendersSpec): SendersChange | undefined {
  const admitted = desiredSenders(joined);
  if (admitted === undefined) return undefined;
  const declared = new Set(now.peers);
  const notDeclared = (addresses: readonly string[] = []): string[] => addresses.filter((one) => !declared.has(one));
  const refuse = notDeclared(desiredSenders(left)?.from);
  return sendersChange(admitted.family, notDeclared(admitted.from), refuse, () => desiredSenders(now) ?? admitted);
}

/**
 * What a link has; undefined when there is no such link. Neighbours of ours are only where there are entries for MACs: `write` keeps
 * it so, also when it is interrupted.
 * @param interfaceName whose senders are looked at as well
 */
export async function readForwarding(
  kernel: ForwardingKernel,
  netns: OpenNetns,
  link: string,
  interfaceName?: string,
): Promise<Forwarding | undefined> {
  const [fdb, senders] = await allEnded([
    kernel.readFdb(netns, link),
    interfaceName === undefined ? undefined : kernel.readSenders(netns, interfaceName),
  ]);
  if (fdb === undefined) return undefined;
  const neighbours = fdb.some(isUnicast) ? await kernel.readNeighbours(netns, link) : [];
  return neighbours === undefined ? undefined : { fdb, neighbours, senders };
}

/** @param adopted a link that somebody else made: what podwire wanted there before, and the link's own tunnel address */
export function changeTo(
  desired: DesiredForwarding,
  present: Forwarding,
  adopted?: { readonly ours: readonly FdbEntry[]; readonly vtep: string },
): Difference {
  const fdb = fdbDifference(present.fdb, desired.fdb, adopted?.ours);
  const removed = new Set(fdb.remove);
  const senders =
    adopted === undefined || desired.senders === undefined
      ? desired.senders
      : withDestinations(
          desired.senders,
          adopted.vtep,
          present.fdb.filter((entry) => !removed.has(entry)),
        );
  return {
    fdb,
    neighbours: neighbourDifference(present.neighbours, desired.neighbours),
    senders: sendersDifference(present.senders, senders),
    outdated: [],
  };
}

/** Of a change, what takes nothing away: for a membership that may lack members. */
export const onlyAdding = ({ fdb, neighbours, senders }: Difference): Difference => ({
  fdb: { add: fdb.add, remove: [] },
  neighbours: { set: neighbours.set, remove: [] },
  senders: onlyAdmitting(senders),
  outdated: [],
});

export const isEmpty = ({ fdb, neighbours, senders, outdated }: Difference): boolean =>
  senders === undefined &&
  outdated.length === 0 &&
  fdb.add.length + fdb.remove.length + neighbours.set.length + neighbours.remove.length === 0;

/**
 * Carries changes out, two processes per link, or two more where neighbours change: who may send, new entries, then neighbours, then what
 * goes, then what the kernel learned of who went. So nothing that can be reached is out of reach in between, also when a network changes over from flooding or to it, and whoever
 * is sent to may answer. Where everybody could send until now, that goes on beside the entries.
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
    nameOf = ({ link }: ForwardingChange): string => link,
  ): Promise<void> => {
    const indexes: number[] = [];
    const parts: LinkChange<T>[] = [];
    for (const [index, whole] of changes.entries()) {
      const change = still(index) ? partOf(whole) : undefined;
      if (change === undefined) continue;
      indexes.push(index);
      parts.push({ netns: whole.netns, link: nameOf(whole), change });
    }
    if (parts.length === 0) return;
    const results = await carryOut(parts);
    // What another stage beside this one failed at stays failed.
    for (const [at, index] of indexes.entries()) if (still(index)) outcomes[index] = results[at] ?? outcomes[index]!;
  };
  const stageSenders = (ofNew: boolean): Promise<void> =>
    stage(
      ({ senders }) => ((senders?.kind === 'make') === ofNew ? senders : undefined),
      (parts) => kernel.changeSenders(parts),
      ({ interfaceName }) => interfaceName,
    );
  await stageSenders(false);
  await allEnded([
    stageSenders(true),
    stage(
      (change) => nonEmpty(withNeighbours(change)),
      (parts) => kernel.changeFdbs(parts),
    ),
  ]);
  await stage(
    ({ neighbours }) => (hasNeighbours(neighbours) ? neighbours : undefined),
    (parts) => kernel.changeNeighbours(parts),
  );
  await stage(
    (change) => nonEmpty(afterNeighbours(change)),
    (parts) => kernel.changeFdbs(parts),
  );
  await stage(
    ({ outdated }) => (outdated.length === 0 ? undefined : outdated),
    (parts) => kernel.forgetNeighbours(parts),
  );
  return outcomes;
}

const NO_ENTRIES: FdbChange = { add: [], remove: [] };

/** The change of entries that comes before the neighbours: additions only, or the whole change where no neighbours change. */
const withNeighbours = ({ fdb, neighbours }: ForwardingChange): FdbChange =>
  hasNeighbours(neighbours) ? { add: fdb.add, remove: [] } : fdb;

/** The change of entries that comes after the neighbours. */
const afterNeighbours = ({ fdb, neighbours }: ForwardingChange): FdbChange =>
  hasNeighbours(neighbours) ? { add: [], remove: fdb.remove } : NO_ENTRIES;

const hasNeighbours = ({ set, remove }: NeighbourChange): boolean => set.length + remove.length > 0;

const nonEmpty = (change: FdbChange): FdbChange | undefined =>
  change.add.length + change.remove.length === 0 ? undefined : change;
