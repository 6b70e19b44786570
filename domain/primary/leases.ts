/**
 * Which addresses of a node are whose. The search goes on behind the address that was found last, and a released address rests before
 * somebody else gets it: packets to the pod before are under way for a while, and caches know it for longer.
 */
import { PodwireError } from '../failures.ts';
import { capacityOf, type PodRange } from './addressing.ts';
import { holderText, type Lease, type LeaseHolder } from './lease.ts';
import { addressAt, containsAddress, type IpValue } from './subnet.ts';

/** Addresses of one family that pods of this node may have. */
export interface LeaseRange extends PodRange {
  /** As the administrator wrote the subnet. */
  readonly text: string;
  readonly excluded: readonly IpValue[];
}

/** Whose addresses are known, and nothing else about the lease. */
export interface DamagedLease extends Pick<Lease, 'sandboxId' | 'ifName' | 'addresses' | 'sequence'> {
  readonly why: string;
}

/** For whom an address is sought. */
export type WantedLease = Pick<Lease, 'sandboxId' | 'ifName' | 'pod'>;

interface Release {
  readonly lease: Lease;
  /** It was so before this call. */
  readonly isKnown: boolean;
  /** Until this call nobody knew more of it than its addresses. */
  readonly wasDamaged?: true;
}

interface Allocation extends Release {
  /** Leases that are over: what the disk has of them may go. */
  readonly over: readonly Lease[];
}

type Owner =
  { readonly kind: 'lease'; readonly lease: Lease } | { readonly kind: 'damaged'; readonly lease: DamagedLease };

/** An address that is not free, and the holders whose leases have it: more than one only where the disk says so. */
interface Taken {
  readonly address: IpValue;
  readonly holders: Set<string>;
}

/** The leases of one node in memory. Nothing is handed out before it is written: see `LeaseStore`. */
export class LeaseTable {
  readonly #restMs: number;
  readonly #byHolder = new Map<string, Owner>();
  readonly #taken = new Map<string, Taken>();
  /** Of each range the number of the address that was found last. */
  readonly #found = new Map<string, bigint>();
  /** Leases that are over, until somebody is told. */
  readonly #over: Lease[] = [];
  #lastSequence = 0;

  /** @param restMs how long an address belongs to nobody after its release */
  constructor(restMs: number) {
    this.#restMs = restMs;
  }

  /**
   * What the disk says. An address that two leases have is free when both say so.
   * @param now milliseconds since 1970; a release that is later was written by a clock that went wrong, and counts from now
   * @returns released leases of holders that have got another one since: they are to be removed
   */
  load(leases: readonly Lease[], damaged: readonly DamagedLease[], now: number): readonly Lease[] {
    const superseded: Lease[] = [];
    for (const lease of leases.toSorted((one, other) => other.sequence - one.sequence)) {
      const { releasedAt } = lease;
      const isSecond = this.#byHolder.has(holderText(lease));
      if (!isSecond) this.#put({ kind: 'lease', lease: { ...lease, ...clamped(releasedAt, now) } });
      else if (releasedAt !== undefined) superseded.push(lease);
      else this.#damage({ ...lease, why: 'there is another one of the same sandbox' });
    }
    for (const lease of damaged) this.#damage(lease);
    return superseded;
  }

  /** Every lease that can be read, released ones too. */
  leases(): readonly Lease[] {
    return [...this.#byHolder.values()].flatMap((owner) => (owner.kind === 'lease' ? [owner.lease] : []));
  }

  damaged(): readonly DamagedLease[] {
    return [...this.#byHolder.values()].flatMap((owner) => (owner.kind === 'damaged' ? [owner.lease] : []));
  }

  /**
   * The holder's addresses: those that it has, or had last and nobody else got since, else one out of each range.
   * @param now milliseconds since 1970
   * @throws PodwireError AddressesExhausted (then nothing is taken), RecordInvalid when the holder's lease cannot be read
   */
  allocate(wanted: WantedLease, ranges: readonly LeaseRange[], now: number): Allocation {
    const known = this.#byHolder.get(holderText(wanted));
    if (known?.kind === 'damaged') throw unreadable(known.lease);
    if (known !== undefined && known.lease.releasedAt === undefined)
      return { lease: known.lease, isKnown: true, over: [] };
    this.#expire(now, holderText(wanted));
    const hadLast = known !== undefined && fits(known.lease, ranges) ? known.lease.addresses : undefined;
    const addresses = hadLast ?? ranges.map((range) => this.#next(range));
    if (known !== undefined) this.#remove(known.lease);
    const { sandboxId, ifName, pod } = wanted;
    const lease: Lease = { sandboxId, ifName, pod, addresses, sequence: this.#lastSequence + 1, madeAt: now };
    this.#put({ kind: 'lease', lease });
    return { lease, isKnown: false, over: this.#over.splice(0) };
  }

  /**
   * From now on the addresses rest. Doing it again changes nothing.
   * @returns what is to be on the disk; undefined: there is no such lease
   */
  release(holder: LeaseHolder, now: number): Release | undefined {
    const owner = this.#byHolder.get(holderText(holder));
    if (owner === undefined) return undefined;
    if (owner.kind === 'lease' && owner.lease.releasedAt !== undefined) return { lease: owner.lease, isKnown: true };
    const { sandboxId, ifName, addresses, sequence } = owner.lease;
    const wasDamaged = owner.kind === 'damaged';
    const before = wasDamaged ? { pod: UNKNOWN_POD, madeAt: now } : owner.lease;
    const lease: Lease = { ...before, sandboxId, ifName, addresses, sequence, releasedAt: now };
    this.#put({ kind: 'lease', lease });
    return { lease, isKnown: false, ...(wasDamaged ? { wasDamaged } : {}) };
  }

  /** Forgets the leases whose rest is over. @param except a holder's that are to stay */
  #expire(now: number, except: string): void {
    for (const lease of this.leases())
      if (isOver(lease, now, this.#restMs) && holderText(lease) !== except) this.#remove(lease);
  }

  #next(range: LeaseRange): IpValue {
    const excluded = new Set(range.excluded.map(keyOf));
    const capacity = capacityOf(range);
    // Among one more than cannot be given there is a free one.
    const most = BigInt(this.#taken.size + excluded.size + 1);
    const begin = this.#lastIndex(range) + 1n - range.first;
    for (let step = 0n; step < most && step < capacity; step += 1n) {
      const index = range.first + ((begin + step) % capacity);
      const address = addressAt(range.subnet, index);
      if (excluded.has(keyOf(address)) || this.#taken.has(keyOf(address))) continue;
      this.#found.set(range.text, index);
      return address;
    }
    throw this.#exhausted(range);
  }

  /** Number of the address that was found last in the range, also before a restart; that before its first one when there is none. */
  #lastIndex(range: LeaseRange): bigint {
    const found = this.#found.get(range.text);
    if (found !== undefined) return found;
    const inRange = this.leases().flatMap(({ sequence, addresses }) =>
      addresses
        .filter((address) => isWithin(range, address))
        .map(({ value }) => ({ sequence, index: value - range.subnet.base })),
    );
    const none = { sequence: -1, index: range.first - 1n };
    return inRange.reduce((last, each) => (each.sequence > last.sequence ? each : last), none).index;
  }

  #exhausted(range: LeaseRange): PodwireError {
    const counts = { used: 0, resting: 0, damaged: 0 };
    for (const { address, holders } of this.#taken.values()) {
      if (!isWithin(range, address)) continue;
      const owners = [...holders].map((holder) => this.#byHolder.get(holder));
      if (owners.some((owner) => owner?.kind === 'damaged')) counts.damaged += 1;
      else if (owners.every((owner) => owner?.kind === 'lease' && owner.lease.releasedAt !== undefined))
        counts.resting += 1;
      else counts.used += 1;
    }
    const excluded = range.excluded.filter((address) => isWithin(range, address)).length;
    const parts = [
      `${counts.used} in use`,
      ...(counts.resting > 0 ? [`${counts.resting} resting for ${this.#restMs / 1_000} s after their pods`] : []),
      ...(counts.damaged > 0 ? [`${counts.damaged} of leases that cannot be read`] : []),
      ...(excluded > 0 ? [`${excluded} excluded`] : []),
    ];
    return new PodwireError(
      'AddressesExhausted',
      `no address of ${range.text} is free for a pod; of ${capacityOf(range)} there are ${parts.join(', ')}`,
    );
  }

  /** With the addresses that are known of its holder already. */
  #damage({ sandboxId, ifName, addresses, sequence, why }: DamagedLease): void {
    const known = this.#byHolder.get(holderText({ sandboxId, ifName }))?.lease;
    const lease: DamagedLease = {
      ...{ sandboxId, ifName, why },
      addresses: [...(known?.addresses ?? []), ...addresses],
      sequence: Math.max(known?.sequence ?? 0, sequence),
    };
    this.#put({ kind: 'damaged', lease });
  }

  #put(owner: Owner): void {
    const holder = holderText(owner.lease);
    this.#byHolder.set(holder, owner);
    for (const address of owner.lease.addresses) {
      const taken = this.#taken.get(keyOf(address)) ?? { address, holders: new Set() };
      taken.holders.add(holder);
      this.#taken.set(keyOf(address), taken);
    }
    this.#lastSequence = Math.max(this.#lastSequence, owner.lease.sequence);
  }

  #remove(lease: Lease): void {
    this.#over.push(lease);
    const holder = holderText(lease);
    this.#byHolder.delete(holder);
    for (const address of lease.addresses) {
      const holders = this.#taken.get(keyOf(address))?.holders;
      holders?.delete(holder);
      if (holders?.size === 0) this.#taken.delete(keyOf(address));
    }
  }
}

/** Of a lease that could not be read, after its release. */
const UNKNOWN_POD = { namespace: '', name: '' };

const clamped = (releasedAt: number | undefined, now: number): { releasedAt?: number } =>
  releasedAt === undefined ? {} : { releasedAt: Math.min(releasedAt, now) };

const keyOf = ({ family, value }: IpValue): string => `${family}/${value}`;

const isWithin = ({ subnet, first, last }: LeaseRange, address: IpValue): boolean =>
  containsAddress(subnet, address) && address.value >= subnet.base + first && address.value <= subnet.base + last;

/** One address in each range, and none besides. */
const fits = ({ addresses }: Lease, ranges: readonly LeaseRange[]): boolean =>
  addresses.length === ranges.length &&
  ranges.every((range) => addresses.some((address) => isWithin(range, address) && !isExcluded(range, address)));

const isExcluded = ({ excluded }: LeaseRange, address: IpValue): boolean =>
  excluded.some((each) => keyOf(each) === keyOf(address));

const isOver = ({ releasedAt }: Lease, now: number, restMs: number): boolean =>
  releasedAt !== undefined && now - releasedAt >= restMs;

const unreadable = ({ sandboxId, why }: DamagedLease): PodwireError =>
  new PodwireError(
    'RecordInvalid',
    `the lease of sandbox ${sandboxId} cannot be read: ${why}; its addresses go to nobody until the sandbox is removed`,
  );
