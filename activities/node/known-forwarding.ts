/** What podwire remembers of the entries in a device: them all, or, where nobody else writes any, the membership from which they follow. */
import type { FdbEntry } from '../../domain/fdb.ts';
import {
  changeSince,
  changeTo,
  deviceWish,
  forwardingFor,
  onlyAdding,
  outdatedSince,
  type DeviceWish,
  type Difference,
  type Forwarding,
  type Membership,
  type SenderFiltering,
  type WishedForwarding,
} from './forwarding.ts';
import type { VxlanAttachmentRecord } from '../../domain/records.ts';
import { sendersAfter } from '../../domain/senders.ts';

/** What a device's record asked for under a membership. */
export class Wished {
  readonly #wish: DeviceWish;
  readonly #membership: Membership;
  #forwarding: WishedForwarding | undefined;

  constructor(record: VxlanAttachmentRecord, membership: Membership, filtering: SenderFiltering) {
    this.#wish = deviceWish(record, filtering);
    this.#membership = membership;
  }

  /** Whether what is not among it may be removed. */
  get isWhole(): boolean {
    return this.#membership.isWhole;
  }

  /** All of it; made when it is asked for. */
  get forwarding(): WishedForwarding {
    return (this.#forwarding ??= forwardingFor(this.#wish, this.#membership));
  }

  /** What leads to it from what there is. @param ours on an adopted device: what podwire wished there before */
  from(present: Forwarding | Wished, ours?: readonly FdbEntry[]): Difference {
    const adopted = ours === undefined ? undefined : { ours, vtep: this.#wish.vtep };
    if (!(present instanceof Wished)) return changeTo(this.forwarding, present, adopted);
    const few =
      ours === undefined && sameWish(present.#wish, this.#wish)
        ? changeSince(present.#membership, this.#membership, this.#wish)
        : undefined;
    return few ?? changeTo(this.forwarding, present.forwarding, adopted);
  }

  /** Addresses that others had when `before` was asked for. */
  outdatedSince(before: Wished | undefined): readonly string[] {
    return before === undefined ? [] : outdatedSince(before.#membership, this.#membership, this.#wish);
  }

  /** Gives back the memory of what was made: a node has hundreds of devices. */
  forgetForwarding(): this {
    this.#forwarding = undefined;
    return this;
  }
}

const sameWish = (a: DeviceWish, b: DeviceWish): boolean =>
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
  readonly known: Forwarding | Wished | undefined;
  /** What podwire wished there last; undefined: nothing yet. */
  readonly ours: Wished | undefined;
  readonly adopted: boolean;
}

/** What leads from what a device has to what is wished. */
export function changeOf(device: Device, wished: Wished, present: Forwarding | Wished): ReturnType<Wished['from']> {
  const difference = wished.from(present, device.adopted ? (device.ours?.forwarding.fdb ?? []) : undefined);
  const change = { ...difference, outdated: wished.outdatedSince(device.ours) };
  return wished.isWhole ? change : onlyAdding(change);
}

/** A device that has what is wished now. */
export function asWished(device: Device, wished: Wished): Device {
  const known = device.adopted ? device.known : wished;
  return { ...device, known, ours: wished.forgetForwarding() };
}

/** Where others write as well, what there was, changed. */
export function adoptedNow(present: Forwarding | Wished, wished: Wished, { fdb, senders }: Difference): Forwarding {
  const was = present instanceof Wished ? present.forwarding : present;
  const removed = new Set(fdb.remove);
  return {
    fdb: [...was.fdb.filter((entry) => !removed.has(entry)), ...fdb.add],
    neighbours: wished.forwarding.neighbours,
    senders: sendersAfter(was.senders, senders),
  };
}
