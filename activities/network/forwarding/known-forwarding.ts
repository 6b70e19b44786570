/** What podwire remembers of the entries in a device: them all, or, where nobody else writes any, the membership from which they follow. */
import type { FdbEntry } from '../../../domain/forwarding/fdb.ts';
import {
  changeSince,
  changeTo,
  deviceSpec,
  forwardingFor,
  onlyAdding,
  outdatedSince,
  type DeviceSpec,
  type Difference,
  type Forwarding,
  type Membership,
  type SenderFiltering,
  type DesiredForwarding,
} from './desired-forwarding.ts';
import type { VxlanAttachmentRecord } from '../../../domain/records.ts';
import { sendersAfter } from '../../../domain/forwarding/senders.ts';

/** What a device's record asked for under a membership. */
export class DesiredDevice {
  readonly #spec: DeviceSpec;
  readonly #membership: Membership;
  #forwarding: DesiredForwarding | undefined;

  constructor(record: VxlanAttachmentRecord, membership: Membership, filtering: SenderFiltering) {
    this.#spec = deviceSpec(record, filtering);
    this.#membership = membership;
  }

  /** Under which it was asked for. */
  get membership(): Membership {
    return this.#membership;
  }

  /** Whether what is not among it may be removed. */
  get isWhole(): boolean {
    return this.#membership.isWhole;
  }

  /** All of it; made when it is asked for. */
  get forwarding(): DesiredForwarding {
    return (this.#forwarding ??= forwardingFor(this.#spec, this.#membership));
  }

  /** What leads to it from what there is. @param ours on an adopted device: what podwire wanted there before */
  from(present: Forwarding | DesiredDevice, ours?: readonly FdbEntry[]): Difference {
    const adopted = ours === undefined ? undefined : { ours, vtep: this.#spec.vtep };
    if (!(present instanceof DesiredDevice)) return changeTo(this.forwarding, present, adopted);
    const few =
      ours === undefined && sameSpec(present.#spec, this.#spec)
        ? changeSince(present.#membership, this.#membership, this.#spec)
        : undefined;
    return few ?? changeTo(this.forwarding, present.forwarding, adopted);
  }

  /** Addresses that others had when `before` was asked for. */
  outdatedSince(before: DesiredDevice | undefined): readonly string[] {
    return before === undefined ? [] : outdatedSince(before.#membership, this.#membership, this.#spec);
  }

  /** Gives back the memory of what was made: a node has hundreds of devices. */
  forgetForwarding(): this {
    this.#forwarding = undefined;
    return this;
  }
}

const sameSpec = (a: DeviceSpec, b: DeviceSpec): boolean =>
  a.vtep === b.vtep &&
  a.podUid === b.podUid &&
  a.flood === b.flood &&
  a.peers.join() === b.peers.join() &&
  a.tunnel?.vni === b.tunnel?.vni &&
  a.tunnel?.dstPort === b.tunnel?.dstPort;

/** A device as podwire remembers it. */
export interface Device {
  /** Newest reading of the membership that was written. */
  readonly ticket: number;
  /** What the device has, as far as we know; undefined: look. */
  readonly known: Forwarding | DesiredDevice | undefined;
  /** What podwire wanted there last; undefined: nothing yet. */
  readonly ours: DesiredDevice | undefined;
  readonly adopted: boolean;
}

/** What leads from what a device has to what is desired. */
export function changeOf(
  device: Device,
  desired: DesiredDevice,
  present: Forwarding | DesiredDevice,
): ReturnType<DesiredDevice['from']> {
  const difference = desired.from(present, device.adopted ? (device.ours?.forwarding.fdb ?? []) : undefined);
  const change = { ...difference, outdated: desired.outdatedSince(device.ours) };
  return desired.isWhole ? change : onlyAdding(change);
}

/** A device that has what is desired now. */
export function asDesired(device: Device, desired: DesiredDevice): Device {
  const known = device.adopted ? device.known : desired;
  return { ...device, known, ours: desired.forgetForwarding() };
}

/** Where others write as well, what there was, changed. */
export function adoptedNow(
  present: Forwarding | DesiredDevice,
  desired: DesiredDevice,
  { fdb, senders }: Difference,
): Forwarding {
  const was = present instanceof DesiredDevice ? present.forwarding : present;
  const removed = new Set(fdb.remove);
  return {
    fdb: [...was.fdb.filter((entry) => !removed.has(entry)), ...fdb.add],
    neighbours: desired.forwarding.neighbours,
    senders: sendersAfter(was.senders, senders),
  };
}
