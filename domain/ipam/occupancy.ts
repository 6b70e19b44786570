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
  /** Which address an interface of a named pod had last. */
  readonly #lastOf = new Map<string, IpValue>();

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
    if (name !== undefined) this.#lastOf.set(name, address);
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
  restingOf(owner: AddressOwner): IpValue | undefined {
    const name = namedInterface(owner);
    const address = name === undefined ? undefined : this.#lastOf.get(name);
    const record = address === undefined ? undefined : this.at(address)?.record;
    return record?.state === 'resting' && namedInterface(record.owner) === name ? address : undefined;
  }

  /** How many of some addresses are in which state. */
  counts(belongs: (address: IpValue) => boolean, now: number): { held: number; resting: number; kept: number } {
    const counts = { held: 0, resting: 0, kept: 0 };
    for (const [key, { record }] of this.#taken)
      if (belongs(valueOf(key)) && !restIsOver(record, now)) counts[record?.state ?? 'held'] += 1;
    return counts;
  }
}

/** A clock that went wrong makes nothing rest for longer than it was to rest. */
export const restIsOver = (record: AddressRecord | undefined, now: number): boolean =>
  record?.state === 'resting' &&
  (record.until === undefined || record.until <= now || record.at > now + CLOCKS_DIFFER_MS);

/** More than clocks of one cluster differ by. */
const CLOCKS_DIFFER_MS = 600_000;

const keyOf = ({ family, value }: IpValue): string => `${family}/${value}`;

const valueOf = (key: string): IpValue => ({ family: key.startsWith('4') ? 4 : 6, value: BigInt(key.slice(2)) });
