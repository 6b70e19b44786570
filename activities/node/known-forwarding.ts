/** What podwire remembers of the entries in a device: them all, or, where nobody else writes any, the membership from which they follow. */
import type { FdbEntry } from '../../domain/fdb.ts';
import {
  changeSince,
  changeTo,
  deviceWish,
  forwardingFor,
  type DeviceWish,
  type Forwarding,
  type ForwardingChange,
  type Membership,
} from './forwarding.ts';
import type { VxlanAttachmentRecord } from '../../domain/records.ts';

type Change = Pick<ForwardingChange, 'fdb' | 'neighbours'>;

/** What a device's record asked for under a membership. */
export class Wished {
  readonly #wish: DeviceWish;
  readonly #membership: Membership;
  #forwarding: Forwarding | undefined;

  constructor(record: VxlanAttachmentRecord, membership: Membership) {
    this.#wish = deviceWish(record);
    this.#membership = membership;
  }

  /** All of it; made when it is asked for. */
  get forwarding(): Forwarding {
    return (this.#forwarding ??= forwardingFor(this.#wish, this.#membership));
  }

  /** What leads to it from what there is. @param ours on an adopted device: what podwire wished there before */
  from(present: Forwarding | Wished, ours?: readonly FdbEntry[]): Change {
    if (!(present instanceof Wished)) return changeTo(this.forwarding, present, ours);
    const few =
      ours === undefined && sameWish(present.#wish, this.#wish)
        ? changeSince(present.#membership, this.#membership, this.#wish)
        : undefined;
    return few ?? changeTo(this.forwarding, present.forwarding, ours);
  }

  /** Gives back the memory of what was made: a node has hundreds of devices. */
  forgetForwarding(): this {
    this.#forwarding = undefined;
    return this;
  }
}

const sameWish = (a: DeviceWish, b: DeviceWish): boolean =>
  a.vtep === b.vtep && a.podUid === b.podUid && a.flood === b.flood && a.peers.join() === b.peers.join();
