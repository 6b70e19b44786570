/** Keeps the forwarding entries of this node's members in line with their networks' membership (ADR 34). */
import { setTimeout as sleep } from 'node:timers/promises';
import { networkKey, type NetworkRef } from '../../../domain/network-selection.ts';
import type { OpenNetns } from '../../../domain/ports/link-kernel.ts';
import type { NodeStore } from '../../../domain/ports/node-store.ts';
import type { AttachmentRecord, Stored, VxlanAttachmentRecord } from '../../../domain/records.ts';
import {
  busy,
  FdbDevices,
  NOTHING,
  type DeviceCounts,
  type FdbDevicesParts,
  type LockedDevice,
  type Reading,
  type SyncOutcome,
  type Written,
} from './fdb-devices.ts';
import { membershipOf, type Membership } from './desired-forwarding.ts';
import type { SyncFdbResult } from '../network-contract.ts';
import { KeyedMutex } from '../../concurrency/keyed-mutex.ts';
import { SyncPace } from './sync-pace.ts';
import { deviceKey, vxlanOnly } from '../vxlan/vxlan-records.ts';

interface FdbSyncParts extends FdbDevicesParts {
  readonly node: string;
  readonly store: Pick<NodeStore, 'readMembers' | 'listNodeAttachments'>;
}

/** Devices that are locked, open and written together: bounds the open descriptors, and how long an attach waits for a device. */
const WRITTEN_TOGETHER = 128;
/** Devices that are compared with the kernel together: a member that joins waits for them at most. */
const COMPARED_TOGETHER = 8;
/** Writing into hundreds of devices takes this long on a busy node; a repetition would begin anew. */
const NETWORK_WAIT_MS = 30_000;

export class FdbSync {
  readonly #parts: FdbSyncParts;
  readonly #devices: FdbDevices;
  readonly #networkLocks = new KeyedMutex();
  readonly #pace = new SyncPace();
  /** The newest reading's. */
  #ticket = 0;

  constructor(parts: FdbSyncParts) {
    this.#parts = parts;
    this.#devices = new FdbDevices(parts);
  }

  /** How far the devices of this node are, at the moment. */
  counts(): DeviceCounts {
    return this.#devices.counts();
  }

  /** What keeps others from sending to an interface goes, with its link. */
  openToAll(netns: OpenNetns, interfaceName: string): Promise<void> {
    return this.#devices.openToAll(netns, interfaceName);
  }

  /** Runs `work` with the record's device locked: while a link is made or removed, no sync writes into it. */
  withDevice<T>(record: VxlanAttachmentRecord, work: (device: LockedDevice) => Promise<T>): Promise<T> {
    const read = (): Promise<Membership> => this.#members(record.network);
    return this.#devices.withDevice(record, read, work);
  }

  /**
   * Brings all local members of a network up to date. A device that is not there (yet, or any more) is passed over; one that
   * fails does not stop the others, and its failure is thrown at the end. Rests first while members keep coming.
   */
  async syncNetwork(network: NetworkRef, signal: AbortSignal): Promise<SyncFdbResult> {
    const key = networkKey(network);
    await this.#pace.rest(key, signal);
    return this.#networkLocks.run(key, NETWORK_WAIT_MS, busy(key), async () => {
      const startedAt = performance.now();
      // Read under the lock: whoever comes later reads later.
      const reading = await this.#read(network);
      const order = { reading: async () => reading, anew: false };
      const outcomes: SyncOutcome[] = [];
      for (const keys of slices([...reading.records.keys()], WRITTEN_TOGETHER))
        outcomes.push(...(await this.#devices.sync(keys, order, signal)));
      this.#pace.worked(key, performance.now() - startedAt);
      return summary(outcomes);
    });
  }

  /**
   * As `syncNetwork`, and compares all devices with the kernel. Not urgent: a few at a time, with a rest as long as the work after
   * them, so that a change of the membership waits for a few at most, and is waited for. Ends early when `signal` is aborted.
   */
  async compareNetwork(network: NetworkRef, signal: AbortSignal): Promise<SyncFdbResult> {
    const key = networkKey(network);
    let reading: Promise<Reading> | undefined;
    let ticket = 0;
    // Since the device was locked, nobody wrote into it by a later reading than the newest there is now.
    const current = (): Promise<Reading> => {
      if (reading === undefined || ticket !== this.#ticket) {
        reading = this.#read(network);
        ticket = this.#ticket;
        reading.catch(() => (reading = undefined));
      }
      return reading;
    };
    const outcomes: SyncOutcome[] = [];
    for (const keys of slices([...(await current()).records.keys()], COMPARED_TOGETHER)) {
      if (signal.aborted) break;
      const compare = async (): Promise<number> => {
        const startedAt = performance.now();
        outcomes.push(...(await this.#devices.sync(keys, { reading: current, anew: true }, signal)));
        return performance.now() - startedAt;
      };
      const [took] = await Promise.allSettled([this.#networkLocks.run(key, NETWORK_WAIT_MS, busy(key), compare)]);
      if (took.status === 'rejected') outcomes.push(took);
      else await sleep(took.value, undefined, { signal }).catch(() => undefined);
    }
    return summary(outcomes);
  }

  /**
   * Compares one device with the kernel and writes what differs from what podwire wrote there last: somebody else changed it. The membership
   * is not read. A device that podwire is behind with is left to whoever brings it up to date.
   */
  async restoreDevice(record: VxlanAttachmentRecord, signal: AbortSignal): Promise<Written> {
    const key = deviceKey(record);
    if (this.#devices.writtenFor(key) === undefined) return NOTHING;
    const reading = async (): Promise<Reading> => {
      const membership = this.#devices.writtenFor(key);
      // Another one has read it meanwhile, and could not write: that one comes again.
      return membership === undefined
        ? { membership: await this.#members(record.network), records: new Map() }
        : { membership, records: new Map([[key, record]]) };
    };
    const [outcome] = await this.#devices.sync([key], { reading, anew: true }, signal);
    if (outcome?.status === 'rejected') throw outcome.reason;
    return outcome?.value ?? NOTHING;
  }

  /** Networks that have attachments on this node. */
  static networksOf(attachments: readonly Stored<AttachmentRecord>[]): NetworkRef[] {
    return [...new Map(vxlanOnly(attachments).map(({ network }) => [networkKey(network), network])).values()];
  }

  async #members(network: NetworkRef): Promise<Membership> {
    const ticket = ++this.#ticket;
    return membershipOf(ticket, await this.#parts.store.readMembers(network));
  }

  async #read(network: NetworkRef): Promise<Reading> {
    const { store, node } = this.#parts;
    const [membership, attachments] = await Promise.all([this.#members(network), store.listNodeAttachments(node)]);
    const records = vxlanOnly(attachments).filter((record) => this.#concerns(record, network));
    return { membership, records: new Map(records.map((record) => [deviceKey(record), record])) };
  }

  /** An intent without a device that we know is filled by the attach that makes it. */
  #concerns(record: VxlanAttachmentRecord, network: NetworkRef): boolean {
    if (networkKey(record.network) !== networkKey(network)) return false;
    return record.phase === 'attached' || (record.phase === 'intent' && this.#devices.has(deviceKey(record)));
  }
}

function* slices<T>(items: readonly T[], length: number): Generator<readonly T[]> {
  for (let first = 0; first < items.length; first += length) yield items.slice(first, first + length);
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
