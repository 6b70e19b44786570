/**
 * Keeps the forwarding entries of this node's members in line with their networks' membership (decisions 21 to 25).
 *
 * Each device has a lock and a memory of what was last written into it, so that a change of membership costs one process per
 * device and none where nothing differs; `forget` makes the next sync look at the kernel again. Every reading of the
 * membership has a ticket: a device never goes back to an older reading than it had.
 */
import { fdbDifference, fdbKey, strangersIn, wishedFlood, type FdbEntry } from '../../domain/fdb.ts';
import { PodwireError } from '../../domain/failures.ts';
import { ownerOf } from '../../domain/link-alias.ts';
import { networkKey, type NetworkRef } from '../../domain/network-selection.ts';
import type { LinkKernel, OpenNetns } from '../../domain/ports/link-kernel.ts';
import type { NodeStore } from '../../domain/ports/node-store.ts';
import type { AttachmentRecord, Member, Stored, VxlanAttachmentRecord } from '../../domain/records.ts';
import { eachWithLimit } from './each-with-limit.ts';
import type { SyncFdbResult } from './inputs.ts';
import { KeyedMutex } from './keyed-mutex.ts';
import { SyncPace } from './sync-pace.ts';

interface Device {
  /** Newest reading of the membership that was written. */
  ticket: number;
  /** Entries that the device has, as far as we know; undefined: look. */
  known: readonly FdbEntry[] | undefined;
  adopted: boolean;
  /** Keys of entries that were wished since this process knows the device: on an adopted one, these are ours to remove. */
  readonly wishedOnce: Set<string>;
}

const unknownDevice = (adopted: boolean): Device => ({ ticket: 0, known: undefined, adopted, wishedOnce: new Set() });

/** A device while its lock is held. */
export interface LockedDevice {
  /** The link was made just now: it has no entries. */
  made(): void;
  /** The link may be another one than before. */
  forget(): void;
  /**
   * Writes what the membership asks for, read now.
   * @param link name of the device while it is not the interface's yet
   */
  sync(netns: OpenNetns, adopted: boolean, link?: string): Promise<Written>;
}

export interface Written {
  readonly written: number;
  readonly removed: number;
}

interface FdbSyncParts {
  readonly node: string;
  readonly store: Pick<NodeStore, 'listMembers' | 'listNodeAttachments'>;
  readonly kernel: Pick<LinkKernel, 'observe' | 'readFdb' | 'changeFdb'>;
  /** Opens the netns of a record, verified against the record. */
  readonly open: (record: VxlanAttachmentRecord, signal: AbortSignal) => Promise<OpenNetns>;
}

const AT_ONCE = 8;
/** A sync of a node full of members takes well under a second; whoever waits longer comes again. */
const LOCK_WAIT_MS = 5_000;
const NOTHING: Written = { written: 0, removed: 0 };
const GONE = new Set(['SandboxGone', 'SandboxChanged', 'NetnsRefused']);

export class FdbSync {
  readonly #parts: FdbSyncParts;
  readonly #devices = new Map<string, Device>();
  readonly #deviceLocks = new KeyedMutex();
  readonly #networkLocks = new KeyedMutex();
  readonly #pace = new SyncPace();
  #tickets = 0;

  constructor(parts: FdbSyncParts) {
    this.#parts = parts;
  }

  /** Runs `work` with the record's device locked: while a link is made or removed, no sync writes into it. */
  withDevice<T>(record: VxlanAttachmentRecord, work: (device: LockedDevice) => Promise<T>): Promise<T> {
    const key = deviceKey(record);
    return this.#locked(this.#deviceLocks, key, () =>
      work({
        made: () => {
          this.#devices.set(key, { ...unknownDevice(false), known: [] });
        },
        forget: () => {
          this.#devices.delete(key);
        },
        sync: async (netns, adopted, link) => {
          const ticket = ++this.#tickets;
          const members = await this.#parts.store.listMembers(record.network);
          const device = this.#devices.get(key) ?? unknownDevice(adopted);
          this.#devices.set(key, { ...device, adopted });
          return this.#write(record, members, ticket, netns, link);
        },
      }),
    );
  }

  /**
   * Brings all local members of a network up to date, eight at a time. A device that is not there (yet, or any more) is passed
   * over; one that fails does not stop the others, and its failure is thrown at the end. Rests first while members keep coming.
   */
  async syncNetwork(network: NetworkRef, signal: AbortSignal): Promise<SyncFdbResult> {
    const { store, node } = this.#parts;
    const key = networkKey(network);
    await this.#pace.rest(key, signal);
    return this.#locked(this.#networkLocks, key, async () => {
      const startedAt = performance.now();
      // Read under the lock: whoever comes later reads later.
      const ticket = ++this.#tickets;
      const [members, attachments] = await Promise.all([store.listMembers(network), store.listNodeAttachments(node)]);
      const records = vxlanOnly(attachments).filter((record) => this.#concerns(record, network));
      const outcomes = await eachWithLimit(records, AT_ONCE, (record) =>
        this.#syncDevice(record, members, ticket, signal),
      );
      this.#pace.worked(key, performance.now() - startedAt);
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      const done = outcomes.flatMap((outcome) =>
        outcome.status === 'fulfilled' && outcome.value !== undefined ? [outcome.value] : [],
      );
      return {
        netns: done.length,
        written: done.reduce((sum, each) => sum + each.written, 0),
        removed: done.reduce((sum, each) => sum + each.removed, 0),
      };
    });
  }

  /**
   * Destinations of an adopted device's entries that the membership does not ask for. A look: whoever acts on it looks again.
   * Nothing when the device is not there.
   */
  async strangersOf(
    record: VxlanAttachmentRecord,
    members: readonly Member[],
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const netns = await this.#parts.open(record, signal);
    try {
      const present = await this.#parts.kernel.readFdb(netns, record.interfaceName);
      return present === undefined ? [] : strangersIn(present, wished(record, members));
    } finally {
      await netns.close();
    }
  }

  /** Removes entries to these destinations from an adopted device, as far as the membership read now still does not ask for them. */
  removeStrangers(
    record: VxlanAttachmentRecord,
    destinations: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<Written> {
    const key = deviceKey(record);
    return this.#locked(this.#deviceLocks, key, async () => {
      const netns = await this.#parts.open(record, signal);
      try {
        const link = record.interfaceName;
        const members = await this.#parts.store.listMembers(record.network);
        const present = await this.#parts.kernel.readFdb(netns, link);
        if (present === undefined) return NOTHING;
        const { remove } = fdbDifference(present, wished(record, members), ({ destination = '' }) =>
          destinations.has(destination),
        );
        if (remove.length === 0) return NOTHING;
        const device = this.#devices.get(key);
        if (device !== undefined) this.#devices.set(key, { ...device, known: undefined });
        await this.#parts.kernel.changeFdb(netns, link, { add: [], remove });
        return { written: 0, removed: remove.length };
      } finally {
        await netns.close();
      }
    });
  }

  /** Forgets what was written where, so that the next sync compares with the kernel. */
  forgetAll(): void {
    // The devices stay known: a sync that is under way must not find its device missing and take that for "not there".
    for (const [key, device] of this.#devices) this.#devices.set(key, { ...device, known: undefined });
  }

  /** Networks that have attachments on this node. */
  static networksOf(attachments: readonly Stored<AttachmentRecord>[]): NetworkRef[] {
    return [...new Map(vxlanOnly(attachments).map(({ network }) => [networkKey(network), network])).values()];
  }

  /** An intent without a device that we know is filled by the attach that makes it. */
  #concerns(record: VxlanAttachmentRecord, network: NetworkRef): boolean {
    if (networkKey(record.network) !== networkKey(network)) return false;
    return record.phase === 'attached' || (record.phase === 'intent' && this.#devices.has(deviceKey(record)));
  }

  /** undefined: the device is not there. */
  #syncDevice(
    record: VxlanAttachmentRecord,
    members: readonly Member[],
    ticket: number,
    signal: AbortSignal,
  ): Promise<Written | undefined> {
    const key = deviceKey(record);
    return this.#locked(this.#deviceLocks, key, async () => {
      const device = this.#devices.get(key);
      // Its attach is not done, or it was taken down since the records were read.
      if (device === undefined && record.phase === 'intent') return undefined;
      if (device !== undefined && (device.ticket > ticket || sameEntries(device.known, wished(record, members))))
        return NOTHING;
      let netns: OpenNetns | undefined;
      try {
        netns = await this.#parts.open(record, signal);
        if (device === undefined && !(await this.#adoptKnowledge(record, netns))) return undefined;
        return await this.#write(record, members, ticket, netns);
      } catch (error) {
        if (error instanceof PodwireError && GONE.has(error.code)) return undefined;
        throw error;
      } finally {
        await netns?.close();
      }
    });
  }

  /** First look at a device by this process: is it ours at all? */
  async #adoptKnowledge(record: VxlanAttachmentRecord, netns: OpenNetns): Promise<boolean> {
    const { links } = await this.#parts.kernel.observe(netns);
    const owner = ownerOf(links.find((link) => link.name === record.interfaceName)?.alias);
    if (owner?.podUid !== record.podUid) return false;
    this.#devices.set(deviceKey(record), unknownDevice(owner.adopted));
    return true;
  }

  async #write(
    record: VxlanAttachmentRecord,
    members: readonly Member[],
    ticket: number,
    netns: OpenNetns,
    link = record.interfaceName,
  ): Promise<Written> {
    const key = deviceKey(record);
    const device = this.#devices.get(key);
    if (device === undefined || device.ticket > ticket) return NOTHING;
    // Until the change is known to be done, nothing is known.
    this.#devices.set(key, { ...device, known: undefined });
    const present = device.known ?? (await this.#parts.kernel.readFdb(netns, link));
    if (present === undefined) {
      this.#devices.delete(key);
      return NOTHING;
    }
    const entries = wished(record, members);
    const { adopted, wishedOnce } = device;
    for (const entry of entries) wishedOnce.add(fdbKey(entry));
    const change = fdbDifference(present, entries, (entry) => !adopted || wishedOnce.has(fdbKey(entry)));
    if ((await this.#parts.kernel.changeFdb(netns, link, change)) === 'link-absent') {
      this.#devices.delete(key);
      return NOTHING;
    }
    const removed = new Set(change.remove);
    const known = adopted ? [...present.filter((entry) => !removed.has(entry)), ...change.add] : entries;
    this.#devices.set(key, { ...device, ticket, known });
    return { written: change.add.length, removed: change.remove.length };
  }

  #locked<T>(locks: KeyedMutex, key: string, work: () => Promise<T>): Promise<T> {
    const refuse = (): Error =>
      new PodwireError('KernelBusy', `forwarding entries of ${key} are being written by another operation`);
    return locks.run(key, LOCK_WAIT_MS, refuse, work);
  }
}

const vxlanOnly = (attachments: readonly Stored<AttachmentRecord>[]): VxlanAttachmentRecord[] =>
  attachments.flatMap(({ value }) => (value.kind === 'vxlan' ? [value] : []));

const deviceKey = (record: VxlanAttachmentRecord): string =>
  `${record.podUid}/${record.sandboxId}/${record.interfaceName}`;

const wished = (record: VxlanAttachmentRecord, members: readonly Member[]): FdbEntry[] =>
  wishedFlood({ members, vtep: record.vtep, podUid: record.podUid, peers: record.link.peers });

function sameEntries(known: readonly FdbEntry[] | undefined, entries: readonly FdbEntry[]): boolean {
  if (known?.length !== entries.length) return false;
  const keys = new Set(known.map(fdbKey));
  return entries.every((entry) => keys.has(fdbKey(entry)));
}
