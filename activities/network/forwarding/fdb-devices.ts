/**
 * The devices of this node's members: a lock and a memory for each of what was last written into it, so that a change of membership
 * costs one process per device and none where nothing differs (ADR 34). Every reading of the membership has a ticket: a
 * device never goes back to an older reading than it had.
 */
import { PodwireError } from '../../../domain/failures.ts';
import { sendersCounts } from '../../../domain/forwarding/senders.ts';
import { ownerOf } from '../../../domain/vxlan/link-alias.ts';
import type { ForwardingKernel, ForwardingOutcome, LinkKernel, OpenNetns } from '../../../domain/ports/link-kernel.ts';
import type { VxlanAttachmentRecord } from '../../../domain/records.ts';
import { uidInRuntime } from '../../../domain/pod/static-pods.ts';
import { eachWithLimit } from '../../../domain/concurrency/with-limit.ts';
import {
  isEmpty,
  readForwarding,
  write,
  type Forwarding,
  type ForwardingChange,
  type Membership,
  type SenderFiltering,
} from './desired-forwarding.ts';
import { KeyedMutex } from '../../concurrency/keyed-mutex.ts';
import { adoptedNow, asDesired, changeOf, DesiredDevice, type Device } from './known-forwarding.ts';
import { deviceKey } from '../vxlan/vxlan-records.ts';

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
  /** The link goes: what keeps others from sending to it goes as well. */
  openToAll(netns: OpenNetns): Promise<void>;
}

export interface Written {
  readonly written: number;
  readonly removed: number;
}

/** A change that is known and not yet made; its device is known as not known. */
interface Planned {
  readonly key: string;
  readonly device: Device;
  readonly wished: DesiredDevice;
  readonly present: Forwarding | DesiredDevice;
  readonly ticket: number;
  readonly change: ForwardingChange;
}

/** A planned change with what it holds while it waits for the others. */
interface Held {
  readonly planned: Planned;
  letGo(): Promise<void>;
}

/** undefined: the device is not there. */
export type SyncOutcome = PromiseSettledResult<Written | undefined>;

/** A network's members, and the records of its devices here by their keys, read together. */
export interface Reading {
  readonly membership: Membership;
  readonly records: ReadonlyMap<string, VxlanAttachmentRecord>;
}

/** The devices that we know, by whether they have what was asked for last. */
export interface DeviceCounts {
  readonly done: number;
  /** The others are being written, or could not be. */
  readonly behind: number;
  /** Forwarding entries of those that are done: one for each other member of the network, or what an adopted device has. */
  readonly entries: number;
}

/** How a device is brought up to date. */
export interface SyncOrder {
  /** Asked while the device is locked. */
  readonly reading: () => Promise<Reading>;
  /** Compare with the kernel, also where we know what there is. */
  readonly anew: boolean;
}

export interface FdbDevicesParts {
  readonly kernel: ForwardingKernel & Pick<LinkKernel, 'observe'>;
  /** Opens the netns of a record, verified against the record. */
  readonly open: (record: VxlanAttachmentRecord, signal: AbortSignal) => Promise<OpenNetns>;
  readonly filtering: SenderFiltering;
}

/** Namespaces that are looked at at once. */
const AT_ONCE = 8;
/** Whoever waits longer for one device comes again. */
const LOCK_WAIT_MS = 5_000;
export const NOTHING: Written = { written: 0, removed: 0 };
const EMPTY: Forwarding = { fdb: [], neighbours: [], senders: undefined };
const GONE = new Set(['SandboxGone', 'SandboxChanged', 'NetnsRefused']);

export class FdbDevices {
  readonly #parts: FdbDevicesParts;
  readonly #devices = new Map<string, Device>();
  readonly #locks = new KeyedMutex();

  constructor(parts: FdbDevicesParts) {
    this.#parts = parts;
  }

  /** Whether there is a device, as far as we know. */
  has(key: string): boolean {
    return this.#devices.has(key);
  }

  /** The membership that a device has everything of, as far as we know. */
  writtenFor(key: string): Membership | undefined {
    const { known, ours, ticket } = this.#devices.get(key) ?? {};
    return known === undefined || ours?.membership.ticket !== ticket ? undefined : ours?.membership;
  }

  counts(): DeviceCounts {
    const known = [...this.#devices.values()].flatMap((device) => (device.known === undefined ? [] : [device.known]));
    const entries = known.reduce((sum, each) => sum + entriesIn(each), 0);
    return { done: known.length, behind: this.#devices.size - known.length, entries };
  }

  /**
   * Runs `work` with the record's device locked.
   * @param read the membership of the record's network, now
   */
  withDevice<T>(
    record: VxlanAttachmentRecord,
    read: () => Promise<Membership>,
    work: (device: LockedDevice) => Promise<T>,
  ): Promise<T> {
    const key = deviceKey(record);
    return this.#locks.run(key, LOCK_WAIT_MS, busy(key), () =>
      work({
        made: () => {
          this.#devices.set(key, { ticket: 0, known: EMPTY, ours: undefined, adopted: false });
        },
        forget: () => {
          this.#devices.delete(key);
        },
        sync: async (netns, adopted, link) => {
          const membership = await read();
          const device = this.#devices.get(key) ?? { ticket: 0, known: undefined, ours: undefined, adopted };
          this.#devices.set(key, { ...device, adopted });
          const planned = await this.#plan(record, membership, async () => netns, link);
          if (planned === undefined || 'written' in planned) return planned ?? NOTHING;
          const [outcome] = await this.#write([planned]);
          if (outcome?.status === 'rejected') throw outcome.reason;
          return outcome?.value ?? NOTHING;
        },
        openToAll: (netns) => this.openToAll(netns, record.interfaceName),
      }),
    );
  }

  /**
   * Plans every device's change, then makes all changes together; devices that somebody is at are waited for after that, each by
   * itself: who waits holds no other device.
   */
  async sync(keys: readonly string[], order: SyncOrder, signal: AbortSignal): Promise<SyncOutcome[]> {
    const waiting: string[] = [];
    const prepared = await eachWithLimit(keys, AT_ONCE, async (key) => {
      const release = this.#locks.tryAcquire(key);
      if (release !== undefined) return this.#prepare(key, order, signal, release);
      waiting.push(key);
      return undefined;
    });
    const outcomes = await this.#carryOut(prepared);
    const later = await eachWithLimit(waiting, AT_ONCE, async (key) => {
      const release = await this.#locks.acquire(key, LOCK_WAIT_MS, busy(key));
      const [outcome] = await this.#carryOut(await Promise.allSettled([this.#prepare(key, order, signal, release)]));
      if (outcome?.status === 'rejected') throw outcome.reason;
      return outcome?.value;
    });
    return [...outcomes, ...later];
  }

  /** Opens and plans one device, whose lock is held; what there is to do keeps lock and namespace. */
  async #prepare(
    key: string,
    order: SyncOrder,
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
      const { membership, records } = await order.reading();
      const record = records.get(key);
      if (record === undefined) return undefined;
      if (order.anew) this.#lookAnew(key);
      const planned = await this.#plan(record, membership, async () => {
        netns ??= await this.#parts.open(record, signal);
        return netns;
      });
      if (planned === undefined || 'written' in planned) return planned;
      held = true;
      return { planned, letGo };
    } catch (error) {
      if (!(error instanceof PodwireError && GONE.has(error.code))) throw error;
      this.#devices.delete(key);
      return undefined;
    } finally {
      if (!held) await letGo();
    }
  }

  /** Forgets what was written, so that it is compared; not the device, which must not be taken for missing. */
  #lookAnew(key: string): void {
    const device = this.#devices.get(key);
    if (device !== undefined) this.#devices.set(key, { ...device, known: undefined });
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
    const desired = new DesiredDevice(record, membership, this.#parts.filtering);
    if (known !== undefined && this.#isDone(key, known, desired, membership.ticket)) return NOTHING;
    const netns = await open();
    const device = known ?? (await this.#firstLook(record, netns));
    if (device === undefined) return undefined;
    const present = await this.#present(record, device, netns, link);
    if (present === undefined) return undefined;
    const change = { netns, link, interfaceName: record.interfaceName, ...changeOf(device, desired, present) };
    return { key, device, wished: desired, present, ticket: membership.ticket, change };
  }

  /** Whether a device has what is desired, as far as we know, or what a later reading asked for. */
  #isDone(key: string, device: Device, desired: DesiredDevice, ticket: number): boolean {
    if (device.ticket > ticket) return true;
    if (device.known === undefined || !isEmpty(changeOf(device, desired, device.known))) return false;
    // A device that may have more than that is compared with the kernel as soon as more is known.
    this.#devices.set(key, desired.isWhole ? { ...asDesired(device, desired), ticket } : { ...device, ticket });
    return true;
  }

  /** What the device has; until the change is known to be done, nothing is known. undefined: it is not there. */
  async #present(
    record: VxlanAttachmentRecord,
    device: Device,
    netns: OpenNetns,
    link: string,
  ): Promise<Device['known']> {
    const key = deviceKey(record);
    this.#devices.set(key, { ...device, known: undefined });
    const { kernel, filtering } = this.#parts;
    const whose = filtering === 'unavailable' ? undefined : record.interfaceName;
    const present = device.known ?? (await readForwarding(kernel, netns, link, whose));
    if (present === undefined) this.#devices.delete(key);
    return present;
  }

  /** First look at a device by this process: is it ours at all? */
  async #firstLook(record: VxlanAttachmentRecord, netns: OpenNetns): Promise<Device | undefined> {
    const { links } = await this.#parts.kernel.observe(netns);
    const owner = ownerOf(links.find((link) => link.name === record.interfaceName)?.alias);
    if (owner?.podUid !== uidInRuntime(record)) return undefined;
    return { ticket: 0, known: undefined, ours: undefined, adopted: owner.adopted };
  }

  /** What keeps others from sending to an interface goes, if there is anything. */
  async openToAll(netns: OpenNetns, interfaceName: string): Promise<void> {
    const { kernel, filtering } = this.#parts;
    if (filtering === 'unavailable') return;
    const [outcome] = await kernel.changeSenders([{ netns, link: interfaceName, change: { kind: 'remove' } }]);
    if (outcome?.status === 'rejected') throw outcome.reason;
  }

  async #write(planned: readonly Planned[]): Promise<SyncOutcome[]> {
    const outcomes = await write(
      this.#parts.kernel,
      planned.map(({ change }) => change),
    );
    return planned.map((each, index) => this.#written(each, outcomes[index]));
  }

  #written(
    { key, device, wished: desired, present, ticket, change }: Planned,
    outcome: PromiseSettledResult<ForwardingOutcome> | undefined,
  ): SyncOutcome {
    if (outcome === undefined) return { status: 'rejected', reason: new Error(`no outcome for ${key}`) };
    if (outcome.status === 'rejected') return outcome;
    if (outcome.value === 'link-absent') {
      this.#devices.delete(key);
      return { status: 'fulfilled', value: undefined };
    }
    const { fdb, neighbours, senders } = change;
    const { admitted, refused } = sendersCounts(senders);
    const known = device.adopted ? adoptedNow(present, desired, change) : desired;
    this.#devices.set(
      key,
      desired.isWhole
        ? { adopted: device.adopted, ticket, known, ours: desired.forgetForwarding() }
        : { ...device, ticket, known: undefined },
    );
    return {
      status: 'fulfilled',
      value: {
        // Who is sent to and let in is one.
        written: Math.max(fdb.add.length, admitted) + neighbours.set.length,
        removed: Math.max(fdb.remove.length, refused) + neighbours.remove.length,
      },
    };
  }
}

/** Of a membership the members are counted: the entries that follow from it would have to be made for that. */
const entriesIn = (known: Forwarding | DesiredDevice): number =>
  known instanceof DesiredDevice ? Math.max(known.membership.members.length - 1, 0) : known.fdb.length;

/** What one who waited too long for a device or a network is told. */
export const busy = (key: string) => (): Error =>
  new PodwireError('KernelBusy', `forwarding entries of ${key} are being written by another operation`);
