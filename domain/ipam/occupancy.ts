/**
 * What a process knows of a pool's addresses. It may be out of date in both ways: what it takes for free is given only by a transaction, and
 * before it calls a pool exhausted it reads everything anew.
 */
import type { IpValue } from '../primary/subnet.ts';
import { namedInterface, type AddressOwner } from './owner.ts';
import type { AddressRecord } from './records.ts';

/** What is known of one address that is not free. */
export interface Taken {
  /** undefined: its record cannot be read, so that it goes to nobody. */
  readonly record: AddressRecord | undefined;
  /** Of the record; undefined: it is this process's own last write. */
  readonly modRevision: string | undefined;
}

export class Occupancy {
  #taken = new Map<string, Taken>();
  /** Which addresses an interface of a named pod had last, each in the order in which that became known. */
  readonly #lastOf = new Map<string, IpValue[]>();

  get size(): number {
    return this.#taken.size;
  }

  /** Everything that is not free. */
  load(all: readonly (readonly [IpValue, Taken])[]): void {
    this.#taken = new Map();
    this.#lastOf.clear();
    for (const [address, taken] of all) this.learn(address, taken);
  }

  /** @param taken undefined: the address is free */
  learn(address: IpValue, taken: Taken | undefined): void {
    if (taken === undefined) {
      this.#taken.delete(keyOf(address));
      return;
    }
    this.#taken.set(keyOf(address), taken);
    const name = taken.record === undefined ? undefined : namedInterface(taken.record.owner);
    if (name === undefined) return;
    const others = (this.#lastOf.get(name) ?? []).filter((each) => keyOf(each) !== keyOf(address));
    this.#lastOf.set(name, [...others, address].slice(-MOST_OF_ONE));
  }

  /** Forgets what has rested for so long that its record is gone from etcd as well. @param now milliseconds since 1970 */
  prune(now: number): void {
    for (const [key, { record }] of this.#taken) {
      if (record?.state !== 'resting' || (record.until ?? 0) + LATER_MS >= now) continue;
      this.#taken.delete(key);
      const name = namedInterface(record.owner);
      if (name !== undefined) this.#lastOf.delete(name);
    }
  }

  at(address: IpValue): Taken | undefined {
    return this.#taken.get(keyOf(address));
  }

  /** @param now milliseconds since 1970 */
  isFree(address: IpValue, now: number): boolean {
    const taken = this.at(address);
    return taken === undefined || restIsOver(taken.record, now);
  }

  /** An address that still rests after the same interface of a pod of the same name: who fails and comes again takes no further one. */
  restingOf(owner: AddressOwner, isSought: (address: IpValue) => boolean): IpValue | undefined {
    const name = namedInterface(owner);
    if (name === undefined) return undefined;
    return this.#lastOf.get(name)?.findLast((address) => {
      const record = this.at(address)?.record;
      return isSought(address) && record?.state === 'resting' && namedInterface(record.owner) === name;
    });
  }

  /** How many of some addresses are in which state. */
  counts(belongs: (address: IpValue) => boolean, now: number): { held: number; resting: number; kept: number } {
    const counts = { held: 0, resting: 0, kept: 0 };
    for (const [key, { record }] of this.#taken)
      if (belongs(valueOf(key)) && !restIsOver(record, now)) counts[record?.state ?? 'held'] += 1;
    return counts;
  }
}

/** An interface has one address of each set; a pool of more sets than this has no use for the rest. */
const MOST_OF_ONE = 16;

/** Others may have clocks that are behind, and know the record: it is in etcd for so much longer than it is to rest. */
export const LATER_MS = 60_000;

/** A clock that went wrong makes nothing rest for longer than it was to rest. */
export const restIsOver = (record: AddressRecord | undefined, now: number): boolean =>
  record?.state === 'resting' &&
  (record.until === undefined || record.until <= now || record.at > now + CLOCKS_DIFFER_MS);

/** More than clocks of one cluster differ by. */
const CLOCKS_DIFFER_MS = 600_000;

const keyOf = ({ family, value }: IpValue): string => `${family}/${value}`;

const valueOf = (key: string): IpValue => ({ family: key.startsWith('4') ? 4 : 6, value: BigInt(key.slice(2)) });
