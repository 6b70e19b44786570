/** Which addresses of a pool an owner is to get, before the transaction that gives them. */
import { PodwireError } from '../../domain/failures.ts';
import type { Taken } from '../../domain/ipam/occupancy.ts';
import { ownerId, ownerText, stickyKey, type AddressOwner } from '../../domain/ipam/owner.ts';
import {
  anyIndex,
  capacityOf,
  freeAddresses,
  rangeOf,
  type AddressPool,
  type AddressSet,
} from '../../domain/ipam/pool.ts';
import type { AddressRecord, GivenAddress, OwnerRecord, StickyRecord } from '../../domain/ipam/records.ts';
import { poolAddressKey, quotaPrefix, stickyAddressesKey } from '../../domain/keys.ts';
import type { WantedAddresses } from '../../domain/ports/address-pools.ts';
import type { IpNumbers } from '../../domain/ports/ip-numbers.ts';
import { addressOf } from '../../domain/text/cidr.ts';
import { subnetText, type IpValue } from '../../domain/primary/subnet.ts';
import type { Condition, Entry, Etcd, Operation } from './client.ts';
import { resting, stickyRecordIn, takenIn } from './pool-records.ts';
import { pendingKey, type PoolView } from './pool-view.ts';
import { putOperation, unchanged } from './record-entries.ts';

export interface Asked {
  readonly pool: AddressPool;
  readonly owner: AddressOwner;
  readonly wanted: WantedAddresses;
  /** What the owner has, to be exchanged; absent: it has nothing. */
  readonly previous?: { readonly entry: Entry; readonly record: OwnerRecord };
}

/** What one set of the pool gives. */
interface Place {
  readonly set: number;
  readonly address: IpValue;
  readonly given: GivenAddress;
  /** The address' record that is to be there still; undefined: none. */
  readonly before: Taken | undefined;
  /** Where the search found it; undefined: nothing was searched. */
  readonly index: bigint | undefined;
}

export interface Chosen {
  readonly places: readonly Place[];
  readonly sticky:
    | { readonly key: string; readonly conditions: readonly Condition[]; readonly operations: readonly Operation[] }
    | undefined;
  readonly slot: number | undefined;
  /** That nobody has the addresses without the pool. */
  readonly conditions: readonly Condition[];
}

interface Sticky {
  readonly key: string;
  readonly entry: Entry | undefined;
  readonly addresses: readonly string[];
}

interface Deps {
  readonly ip: IpNumbers;
  readonly now: () => number;
  readonly random: () => number;
}

/** Of many who want the lowest address each draws among as many more as have met before. */
const LOWEST_WINDOW = 4;
const MAX_WINDOW = 256;
/** Each finds an address more that is somebody's without the pool; what is known of those is read with the pool. */
const MAX_LOOKS = 16;

export class AddressChoice {
  readonly #etcd: Pick<Etcd, 'read' | 'get' | 'keys'>;
  readonly #deps: Deps;
  readonly #asked: Asked;
  readonly #view: PoolView;
  readonly #stickyKey: string | undefined;
  readonly #pending: string[] = [];
  #isOverQuota = false;

  constructor(etcd: Pick<Etcd, 'read' | 'get' | 'keys'>, deps: Deps, asked: Asked, view: PoolView) {
    this.#etcd = etcd;
    this.#deps = deps;
    this.#asked = asked;
    this.#view = view;
    this.#stickyKey = asked.wanted.sticky ?? (asked.pool.sticky ? stickyKey(asked.owner) : undefined);
  }

  /** More than any free address is asked for, so that etcd is read before anything is tried. */
  get isParticular(): boolean {
    const { wanted, pool } = this.#asked;
    return wanted.addresses !== undefined || this.#stickyKey !== undefined || pool.perNamespace !== undefined;
  }

  /**
   * @param attempt from 1 on: the one after another has lost, and looks elsewhere
   * @returns undefined: nothing is free as far as is known
   * @throws PodwireError PoolExhausted (of the namespace), AddressTaken, AddressHeld, AddressOutside, EtcdUnavailable
   */
  async next(attempt: number): Promise<Chosen | undefined> {
    const { pool } = this.#asked;
    const slot = await this.#slot();
    if (slot === 'none') throw this.exhausted();
    this.#view.occupancy.prune(this.#deps.now());
    const sticky = await this.#readSticky();
    const wanted = await this.#readWanted();
    const kept = await this.#readKept(wanted);
    for (let look = 1; look <= MAX_LOOKS; look += 1) {
      const places: Place[] = [];
      for (const [set, ranges] of pool.sets.entries()) {
        const place =
          wanted.get(set) ??
          kept.get(set) ??
          this.#stickyPlace(set, ranges, sticky) ??
          this.#restingPlace(set, ranges, attempt) ??
          this.#search(set, ranges, attempt);
        if (place === undefined) return undefined;
        places.push(place);
      }
      // An address that is asked for is the owner's own reservation.
      const conditions = await this.#unreserved(places.filter((place) => wanted.get(place.set) !== place));
      if (conditions !== undefined)
        return { places, slot, conditions, sticky: sticky && this.#stickyChange(sticky, places) };
      this.settled();
      for (const [set, { address }] of kept) if (this.#view.reserved.has(pendingKey(address))) kept.delete(set);
    }
    return undefined;
  }

  /** Conditions that nobody has these addresses without the pool; undefined: somebody has, and the view knows it now. */
  async #unreserved(places: readonly Place[]): Promise<readonly Condition[] | undefined> {
    const { reserved } = this.#asked.pool;
    if (reserved === undefined) return [];
    const keys = places.map(({ address }) => `${reserved.prefix}${this.#deps.ip.text(address)}`);
    const found = keys.length === 0 ? [] : await this.#etcd.read(keys.map((key) => ({ key })));
    const conditions = keys.map((key, index): Condition | undefined => {
      const [entry] = found[index] ?? [];
      if (entry === undefined) return { key, is: 'absent' };
      if (entry.value === reserved.own) return unchanged(entry);
      const place = places[index];
      if (place !== undefined) this.#view.reserved.add(pendingKey(place.address));
      return undefined;
    });
    return conditions.every((each) => each !== undefined) ? conditions : undefined;
  }

  /** Addresses that the owner has and that stay: those of sets of which no other address is asked for. */
  async #readKept(wanted: ReadonlyMap<number, Place>): Promise<Map<number, Place>> {
    const kept = new Map<number, Place>();
    const texts = (this.#asked.previous?.record.addresses ?? []).map(({ address }) => addressOf(address));
    await this.#learn(texts);
    for (const text of texts) {
      const address = this.#deps.ip.value(text);
      if (address === undefined || !this.#mayTake(this.#view.occupancy.at(address)?.record)) continue;
      const set = this.#asked.pool.sets.findIndex((ranges) => rangeOf(ranges, address) !== undefined);
      const ranges = this.#asked.pool.sets[set];
      if (ranges !== undefined && !wanted.has(set) && !kept.has(set))
        kept.set(set, this.#place(set, ranges, address, undefined));
    }
    return kept;
  }

  /** To be called when it is known what became of the last choice: others of this process keep off its addresses until then. */
  settled(): void {
    for (const key of this.#pending.splice(0)) this.#view.pending.delete(key);
  }

  /** Why there is nothing. */
  exhausted(): PodwireError {
    const { pool, owner } = this.#asked;
    if (this.#isOverQuota)
      return new PodwireError(
        'PoolExhausted',
        `namespace ${owner.pod?.namespace} has addresses of pool ${pool.name} for ${pool.perNamespace} interfaces, as many as it may have`,
      );
    const now = this.#deps.now();
    const parts = pool.sets.map((set) => {
      const { held, resting, kept } = this.#view.occupancy.counts(
        (address) => rangeOf(set, address) !== undefined,
        now,
      );
      const others = [
        ...(resting > 0 ? [`${resting} resting for ${pool.restMs / 1_000} s after their owners`] : []),
        ...(kept > 0 ? [`${kept} kept for owners that come back`] : []),
      ];
      const ranges = set.map(({ subnet }) => subnetText(subnet, this.#deps.ip)).join(', ');
      return `${ranges}: of ${capacityOf(set)} there are ${[`${held} in use`, ...others].join(', ')}`;
    });
    const { size } = this.#view.reserved;
    const reserved = size === 0 ? '' : `; ${size} more belong to pods that chose them before there was a pool`;
    return new PodwireError('PoolExhausted', `no address of pool ${pool.name} is free; ${parts.join('; ')}${reserved}`);
  }

  async #slot(): Promise<number | 'none' | undefined> {
    const { pool, owner, previous } = this.#asked;
    if (previous?.record.slot !== undefined) return previous.record.slot;
    if (pool.perNamespace === undefined || owner.pod === undefined) return undefined;
    const prefix = quotaPrefix(pool.name, owner.pod.namespace);
    const used = new Set((await this.#etcd.keys(prefix)).map((key) => Number(key.slice(prefix.length))));
    const free = Array.from({ length: pool.perNamespace }, (_, slot) => slot).filter((slot) => !used.has(slot));
    // Also those of a quota that was larger.
    this.#isOverQuota = used.size >= pool.perNamespace;
    if (this.#isOverQuota) return 'none';
    return free[Math.floor(this.#deps.random() * free.length)] ?? 'none';
  }

  async #readSticky(): Promise<Sticky | undefined> {
    const key = this.#stickyKey;
    if (key === undefined) return undefined;
    const { name } = this.#asked.pool;
    const entry = await this.#etcd.get(stickyAddressesKey(name, key));
    const addresses = (entry === undefined ? undefined : stickyRecordIn(entry))?.addresses ?? [];
    await this.#learn(addresses);
    return { key, entry, addresses };
  }

  /** What is asked for by its number is not left to what was known before. */
  async #learn(addresses: readonly string[]): Promise<void> {
    if (addresses.length === 0) return;
    const { name } = this.#asked.pool;
    const found = await this.#etcd.read(addresses.map((address) => ({ key: poolAddressKey(name, address) })));
    for (const [index, text] of addresses.entries()) {
      const [entry] = found[index] ?? [];
      const address = this.#deps.ip.value(text);
      if (address !== undefined) this.#view.occupancy.learn(address, entry === undefined ? undefined : takenIn(entry));
    }
  }

  async #readWanted(): Promise<Map<number, Place>> {
    const { pool, wanted } = this.#asked;
    const places = new Map<number, Place>();
    const texts = wanted.addresses ?? [];
    await this.#learn(texts);
    for (const text of texts) {
      const address = this.#deps.ip.value(text);
      const set = pool.sets.findIndex((ranges) => address !== undefined && rangeOf(ranges, address) !== undefined);
      const ranges = pool.sets[set];
      if (address === undefined || ranges === undefined || places.has(set))
        throw new PodwireError(
          'AddressOutside',
          `address ${text} is not one that pool ${pool.name} gives; allowed: one of each of ${this.#rangesText()}`,
        );
      const taken = this.#view.occupancy.at(address);
      if (taken !== undefined && !this.#mayTake(taken.record))
        throw new PodwireError(
          'AddressTaken',
          `address ${text} of pool ${pool.name} belongs to ${taken.record === undefined ? 'a record that cannot be read' : ownerText(taken.record.owner)}`,
        );
      places.set(set, this.#place(set, ranges, address, undefined));
    }
    return places;
  }

  /** What rests may be had by whoever names it. */
  #mayTake(record: AddressRecord | undefined): boolean {
    if (record === undefined) return false;
    const { previous, owner } = this.#asked;
    if (previous !== undefined && record.state === 'held')
      return ownerId(record.owner) === ownerId(owner) && record.owner.node === owner.node;
    return record.state === 'resting' || (record.state === 'kept' && record.sticky === this.#stickyKey);
  }

  /** @throws PodwireError AddressHeld */
  #stickyPlace(set: number, ranges: AddressSet, sticky: Sticky | undefined): Place | undefined {
    for (const text of sticky?.addresses ?? []) {
      const address = this.#deps.ip.value(text);
      // The pool may have been declared anew since.
      if (address === undefined || rangeOf(ranges, address) === undefined) continue;
      const record = this.#view.occupancy.at(address)?.record;
      if (this.#view.occupancy.at(address) !== undefined && !this.#mayTake(record))
        throw new PodwireError(
          'AddressHeld',
          `address ${text} of pool ${this.#asked.pool.name} is reserved for ${ownerText(this.#asked.owner)}, and still belongs to ${record === undefined ? 'a record that cannot be read' : `${ownerText(record.owner)} (${record.owner.id})`}`,
        );
      return this.#place(set, ranges, address, undefined);
    }
    return undefined;
  }

  #restingPlace(set: number, ranges: AddressSet, attempt: number): Place | undefined {
    if (attempt > 1) return undefined;
    const isSought = (each: IpValue): boolean =>
      rangeOf(ranges, each) !== undefined &&
      !this.#view.pending.has(pendingKey(each)) &&
      !this.#view.reserved.has(pendingKey(each));
    const address = this.#view.occupancy.restingOf(this.#asked.owner, isSought);
    return address === undefined ? undefined : this.#place(set, ranges, address, undefined);
  }

  #search(set: number, ranges: AddressSet, attempt: number): Place | undefined {
    const { random, now } = this.#deps;
    const { occupancy, cursors, pending, reserved } = this.#view;
    const at = now();
    const isLowest = this.#asked.pool.order === 'lowest';
    const isFirst = attempt === 1;
    const elsewhere = (): bigint => anyIndex(capacityOf(ranges), random);
    // Each process has a place of its own to begin at, and those that have met go apart.
    const start = isLowest ? 0n : ((isFirst ? cursors.get(set) : undefined) ?? elsewhere());
    const most = isLowest && !isFirst ? Math.min(MAX_WINDOW, LOWEST_WINDOW * 2 ** (attempt - 1)) : 1;
    const isFree = (address: IpValue): boolean =>
      occupancy.isFree(address, at) && !pending.has(pendingKey(address)) && !reserved.has(pendingKey(address));
    const taken = occupancy.size + pending.size + reserved.size;
    const found = freeAddresses(ranges, start, isFree, { taken, most });
    const one = found[Math.floor(random() * found.length)];
    return one === undefined ? undefined : this.#place(set, ranges, one.address, one.index);
  }

  #place(set: number, ranges: AddressSet, address: IpValue, index: bigint | undefined): Place {
    const { ip } = this.#deps;
    const range = rangeOf(ranges, address);
    const key = pendingKey(address);
    this.#pending.push(key);
    this.#view.pending.add(key);
    const given = {
      address: `${ip.text(address)}/${range?.prefix}`,
      ...(range?.gateway === undefined ? {} : { gateway: ip.text(range.gateway) }),
    };
    return { set, address, given, before: this.#view.occupancy.at(address), index };
  }

  /** What was reserved before and is not given now rests. */
  #stickyChange({ key, entry, addresses }: Sticky, places: readonly Place[]): NonNullable<Chosen['sticky']> {
    const { name } = this.#asked.pool;
    const now = this.#deps.now();
    const stickyKeyOfPool = stickyAddressesKey(name, key);
    const given = places.map(({ address }) => this.#deps.ip.text(address));
    const left = addresses.flatMap((text) => {
      const address = this.#deps.ip.value(text);
      const taken = address === undefined ? undefined : this.#view.occupancy.at(address);
      const { record, modRevision } = taken ?? {};
      if (given.includes(text) || record?.state !== 'kept' || modRevision === undefined) return [];
      return [{ key: poolAddressKey(name, text), modRevision, owner: record.owner }];
    });
    const record: StickyRecord = { v: 1, addresses: given };
    return {
      key,
      conditions: [
        entry === undefined ? { key: stickyKeyOfPool, is: 'absent' } : unchanged(entry),
        ...left.map(unchanged),
      ],
      operations: [
        putOperation(stickyKeyOfPool, record),
        ...left.map(({ key: of, owner }) => putOperation(of, resting(owner, now, 0))),
      ],
    };
  }

  #rangesText(): string {
    const texts = this.#asked.pool.sets.map((set) =>
      set.map(({ subnet }) => subnetText(subnet, this.#deps.ip)).join(' or '),
    );
    return texts.join(', ');
  }
}
