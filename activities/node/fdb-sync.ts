/**
 * Keeps the forwarding entries of this node's members in line with their networks' membership (decisions 21 to 25).
 *
 * Each device has a lock and a memory of what was last written into it, so that a change of membership costs one process per
 * device and none where nothing differs; `forget` makes the next sync look at the kernel again. Every reading of the
 * membership has a ticket: a device never goes back to an older reading than it had.
 */
import { PodwireError } from '../../domain/failures.ts';
import { ownerOf } from '../../domain/link-alias.ts';
import { networkKey, type NetworkRef } from '../../domain/network-selection.ts';
import type { ForwardingOutcome, LinkKernel, OpenNetns } from '../../domain/ports/link-kernel.ts';
import type { NodeStore } from '../../domain/ports/node-store.ts';
import type { AttachmentRecord, Stored, VxlanAttachmentRecord } from '../../domain/records.ts';
import { eachWithLimit } from './each-with-limit.ts';
import {
  isEmpty,
  membershipOf,
  readForwarding,
  write,
  type Forwarding,
  type ForwardingChange,
  type ForwardingKernel,
  type Membership,
} from './forwarding.ts';
import type { SyncFdbResult } from './inputs.ts';
import { KeyedMutex } from './keyed-mutex.ts';
import { adoptedNow, asWished, changeOf, Wished, type Device } from './known-forwarding.ts';
import { SyncPace } from './sync-pace.ts';
import { deviceKey, vxlanOnly } from './vxlan-records.ts';

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

/** A change that is known and not yet made; its device is known as not known. */
interface Planned {
  readonly key: string;
  readonly device: Device;
  readonly wished: Wished;
  readonly present: Forwarding | Wished;
  readonly ticket: number;
  readonly change: ForwardingChange;
}

/** A planned change with what it holds while it waits for the others. */
interface Held {
  readonly planned: Planned;
  letGo(): Promise<void>;
}

/** undefined: the device is not there. */
type SyncOutcome = PromiseSettledResult<Written | undefined>;

interface FdbSyncParts {
  readonly node: string;
  readonly store: Pick<NodeStore, 'listMembers' | 'listNodeAttachments'>;
  readonly kernel: ForwardingKernel & Pick<LinkKernel, 'observe'>;
  /** Opens the netns of a record, verified against the record. */
  readonly open: (record: VxlanAttachmentRecord, signal: AbortSignal) => Promise<OpenNetns>;
}

/** Namespaces that are looked at at once. */
const AT_ONCE = 8;
/** Devices that are locked, open and written together: bounds the open descriptors, and how long an attach waits for a device. */
const WRITTEN_TOGETHER = 128;
/** Whoever waits longer for one device comes again. */
const LOCK_WAIT_MS = 5_000;
/** Comparing hundreds of devices with a thousand entries each takes this long on a busy node; a repetition would begin anew. */
const NETWORK_WAIT_MS = 30_000;
const NOTHING: Written = { written: 0, removed: 0 };
const EMPTY: Forwarding = { fdb: [], neighbours: [] };
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
    return this.#deviceLocks.run(key, LOCK_WAIT_MS, busy(key), () =>
      work({
        made: () => {
          this.#devices.set(key, { ticket: 0, known: EMPTY, ours: undefined, adopted: false });
        },
        forget: () => {
          this.#devices.delete(key);
        },
        sync: async (netns, adopted, link) => {
          const ticket = ++this.#tickets;
          const members = membershipOf(ticket, await this.#parts.store.listMembers(record.network));
          const device = this.#devices.get(key) ?? { ticket: 0, known: undefined, ours: undefined, adopted };
          this.#devices.set(key, { ...device, adopted });
          const planned = await this.#plan(record, members, async () => netns, link);
          if (planned === undefined || 'written' in planned) return planned ?? NOTHING;
          const [outcome] = await this.#write([planned]);
          if (outcome?.status === 'rejected') throw outcome.reason;
          return outcome?.value ?? NOTHING;
        },
      }),
    );
  }

  /**
   * Brings all local members of a network up to date. A device that is not there (yet, or any more) is passed over; one that
   * fails does not stop the others, and its failure is thrown at the end. Rests first while members keep coming.
   */
  async syncNetwork(network: NetworkRef, signal: AbortSignal): Promise<SyncFdbResult> {
    const { store, node } = this.#parts;
    const key = networkKey(network);
    await this.#pace.rest(key, signal);
    return this.#networkLocks.run(key, NETWORK_WAIT_MS, busy(key), async () => {
      const startedAt = performance.now();
      // Read under the lock: whoever comes later reads later.
      const ticket = ++this.#tickets;
      const [members, attachments] = await Promise.all([store.listMembers(network), store.listNodeAttachments(node)]);
      const records = vxlanOnly(attachments).filter((record) => this.#concerns(record, network));
      const membership = membershipOf(ticket, members);
      const outcomes: SyncOutcome[] = [];
      for (let first = 0; first < records.length; first += WRITTEN_TOGETHER) {
        outcomes.push(
          ...(await this.#syncTogether(records.slice(first, first + WRITTEN_TOGETHER), membership, signal)),
        );
      }
      this.#pace.worked(key, performance.now() - startedAt);
      return summary(outcomes);
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

  /** Plans every device's change, then makes all changes together; devices that somebody is at are waited for after that. */
  async #syncTogether(
    records: readonly VxlanAttachmentRecord[],
    membership: Membership,
    signal: AbortSignal,
  ): Promise<SyncOutcome[]> {
    const waiting: VxlanAttachmentRecord[] = [];
    const prepared = await eachWithLimit(records, AT_ONCE, async (record) => {
      const release = this.#deviceLocks.tryAcquire(deviceKey(record));
      if (release !== undefined) return this.#prepare(record, membership, signal, release);
      waiting.push(record);
      return undefined;
    });
    const outcomes = await this.#carryOut(prepared);
    const later = await eachWithLimit(waiting, AT_ONCE, async (record) => {
      const key = deviceKey(record);
      const release = await this.#deviceLocks.acquire(key, LOCK_WAIT_MS, busy(key));
      const [outcome] = await this.#carryOut(
        await Promise.allSettled([this.#prepare(record, membership, signal, release)]),
      );
      if (outcome?.status === 'rejected') throw outcome.reason;
      return outcome?.value;
    });
    return [...outcomes, ...later];
  }

  /** Opens and plans one device, whose lock is held; what there is to do keeps lock and namespace. */
  async #prepare(
    record: VxlanAttachmentRecord,
    membership: Membership,
    signal: AbortSignal,
    release: () => void,
  ): Promise<Held | Written | undefined> {
    let netns: OpenNetns | undefined;
    let held = false;
    const letGo = async (): Promise<void> => {
      await netns?.close();
      release();
    };
    try {
      const planned = await this.#plan(record, membership, async () => {
        netns ??= await this.#parts.open(record, signal);
        return netns;
      });
      if (planned === undefined || 'written' in planned) return planned;
      held = true;
      return { planned, letGo };
    } catch (error) {
      if (error instanceof PodwireError && GONE.has(error.code)) return undefined;
      throw error;
    } finally {
      if (!held) await letGo();
    }
  }

  async #carryOut(prepared: readonly PromiseSettledResult<Held | Written | undefined>[]): Promise<SyncOutcome[]> {
    const held = prepared.flatMap((each) =>
      each.status === 'fulfilled' && each.value !== undefined && 'planned' in each.value ? [each.value] : [],
    );
    const done = prepared.flatMap((each): SyncOutcome[] => {
      if (each.status === 'rejected') return [each];
      return each.value !== undefined && 'planned' in each.value ? [] : [{ status: 'fulfilled', value: each.value }];
    });
    try {
      return [...done, ...(await this.#write(held.map(({ planned }) => planned)))];
    } finally {
      await Promise.all(held.map((each) => each.letGo()));
    }
  }

  /** From a device, whose lock is held, to its change; `Written` when there is nothing to do. The netns is opened only if needed. */
  async #plan(
    record: VxlanAttachmentRecord,
    membership: Membership,
    open: () => Promise<OpenNetns>,
    link = record.interfaceName,
  ): Promise<Planned | Written | undefined> {
    const key = deviceKey(record);
    const known = this.#devices.get(key);
    // Its attach is not done, or it was taken down since the records were read.
    if (known === undefined && record.phase === 'intent') return undefined;
    const wished = new Wished(record, membership);
    if (known !== undefined && this.#isDone(key, known, wished, membership.ticket)) return NOTHING;
    const netns = await open();
    const device = known ?? (await this.#firstLook(record, netns));
    if (device === undefined) return undefined;
    const present = await this.#present(key, device, netns, link);
    if (present === undefined) return undefined;
    const change = { netns, link, ...changeOf(device, wished, present) };
    return { key, device, wished, present, ticket: membership.ticket, change };
  }

  /** Whether a device has what is wished, as far as we know, or what a later reading asked for. */
  #isDone(key: string, device: Device, wished: Wished, ticket: number): boolean {
    if (device.ticket > ticket) return true;
    if (device.known === undefined || !isEmpty(changeOf(device, wished, device.known))) return false;
    this.#devices.set(key, { ...asWished(device, wished), ticket });
    return true;
  }

  /** What the device has; until the change is known to be done, nothing is known. undefined: it is not there. */
  async #present(key: string, device: Device, netns: OpenNetns, link: string): Promise<Device['known']> {
    this.#devices.set(key, { ...device, known: undefined });
    const present = device.known ?? (await readForwarding(this.#parts.kernel, netns, link));
    if (present === undefined) this.#devices.delete(key);
    return present;
  }

  /** First look at a device by this process: is it ours at all? */
  async #firstLook(record: VxlanAttachmentRecord, netns: OpenNetns): Promise<Device | undefined> {
    const { links } = await this.#parts.kernel.observe(netns);
    const owner = ownerOf(links.find((link) => link.name === record.interfaceName)?.alias);
    if (owner?.podUid !== record.podUid) return undefined;
    return { ticket: 0, known: undefined, ours: undefined, adopted: owner.adopted };
  }

  async #write(planned: readonly Planned[]): Promise<SyncOutcome[]> {
    const outcomes = await write(
      this.#parts.kernel,
      planned.map(({ change }) => change),
    );
    return planned.map((each, index) => this.#written(each, outcomes[index]));
  }

  #written(
    { key, device, wished, present, ticket, change }: Planned,
    outcome: PromiseSettledResult<ForwardingOutcome> | undefined,
  ): SyncOutcome {
    if (outcome === undefined) return { status: 'rejected', reason: new Error(`no outcome for ${key}`) };
    if (outcome.status === 'rejected') return outcome;
    if (outcome.value === 'link-absent') {
      this.#devices.delete(key);
      return { status: 'fulfilled', value: undefined };
    }
    const { fdb, neighbours } = change;
    const known = device.adopted ? adoptedNow(present, wished, change) : wished;
    this.#devices.set(key, { adopted: device.adopted, ticket, known, ours: wished.forgetForwarding() });
    return {
      status: 'fulfilled',
      value: {
        written: fdb.add.length + neighbours.set.length,
        removed: fdb.remove.length + neighbours.remove.length,
      },
    };
  }
}

/** @throws the first failure */
function summary(outcomes: readonly SyncOutcome[]): SyncFdbResult {
  let [netns, written, removed] = [0, 0, 0];
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') throw outcome.reason;
    if (outcome.value === undefined) continue;
    netns += 1;
    written += outcome.value.written;
    removed += outcome.value.removed;
  }
  return { netns, written, removed };
}

const busy = (key: string) => (): Error =>
  new PodwireError('KernelBusy', `forwarding entries of ${key} are being written by another operation`);
