/**
 * Pools of addresses as they are declared: which addresses there are to give. What is calculated is exact in both families and at both
 * ends of their numbers; nothing is ever enumerated, so that a range may be as wide as IPv6 allows.
 */
import { hostBits, sizeOf, WIDTH, type IpValue, type Subnet } from '../primary/subnet.ts';

/** A run of addresses of one family as numbers, both ends included. */
export interface Span {
  readonly first: bigint;
  readonly last: bigint;
}

export interface PoolRange {
  readonly subnet: Subnet;
  /** Ascending and apart from each other: what may be given, without the gateway and what is excluded. */
  readonly spans: readonly Span[];
  /** Prefix length that an address is given with. */
  readonly prefix: number;
  /** Belongs to the subnet, unless the pool is of point-to-point links. */
  readonly gateway: IpValue | undefined;
}

/** Ranges that stand for one another: an owner gets one address out of all of them together. */
export type AddressSet = readonly PoolRange[];

/** `next`: the search goes on behind the address that was found last. */
type AllocationOrder = 'next' | 'lowest';

export interface AddressPool {
  /** Within it an address is given once, whatever its ranges are: see `isPoolName`. */
  readonly name: string;
  /** An owner gets one address of each. */
  readonly sets: readonly AddressSet[];
  readonly order: AllocationOrder;
  /** How long an address belongs to nobody after its release, in milliseconds. */
  readonly restMs: number;
  /** How many owners of one namespace may have addresses at once; undefined: as many as there are. */
  readonly perNamespace: number | undefined;
  /** Pods of StatefulSets keep their addresses when they are gone. */
  readonly sticky: boolean;
  /** Absent: an address is somebody's by the pool's records alone. */
  readonly reserved?: ReservedElsewhere;
}

/** Addresses that are somebody's without the pool: one key of etcd for each, which ends in the address and says who has it. */
export interface ReservedElsewhere {
  readonly prefix: string;
  /** What such a key says of the owner who asks. */
  readonly own: string;
}

export const DEFAULT_REST_MS = 60_000;

/** It is a part of keys in etcd. */
export const POOL_NAME_RULE = '1 to 253 letters, digits, "_", "." or "-", a letter or digit first';
export const isPoolName = (text: string): boolean => /^[A-Za-z0-9][A-Za-z0-9_.-]{0,252}$/.test(text);

export interface DeclaredRange {
  readonly subnet: Subnet;
  /** undefined: the first and the last address of the subnet that a host can have. */
  readonly first: bigint | undefined;
  readonly last: bigint | undefined;
  readonly excluded: readonly Span[];
  readonly gateway: IpValue | undefined;
  /** The link has two ends and no subnet: each address of the range can be given, and stands for itself (/32, /128). */
  readonly isPointToPoint: boolean;
}

/**
 * The addresses of a subnet that hosts can have. IPv4: not the first (the network) and the last one (broadcast), unless there are no others
 * (/31, RFC 3021, and /32). IPv6: not the first one (the subnet routers' anycast address, RFC 4291), unless it is /127 (RFC 6164) or /128.
 */
function hostSpan(subnet: Subnet): Span {
  const last = subnet.base + sizeOf(subnet) - 1n;
  if (hostBits(subnet) <= 1) return { first: subnet.base, last };
  return { first: subnet.base + 1n, last: subnet.family === 4 ? last - 1n : last };
}

/** Without a span of addresses where nothing is left to give; whoever declares it is to be told. */
export function poolRange({ subnet, first, last, excluded, gateway, isPointToPoint }: DeclaredRange): PoolRange {
  const whole = isPointToPoint ? { first: subnet.base, last: subnet.base + sizeOf(subnet) - 1n } : hostSpan(subnet);
  const given = { first: first ?? whole.first, last: last ?? whole.last };
  const ofGateway =
    gateway === undefined || gateway.family !== subnet.family ? [] : [{ first: gateway.value, last: gateway.value }];
  return {
    subnet,
    spans: without(within(given, whole), [...excluded, ...ofGateway]),
    prefix: isPointToPoint ? WIDTH[subnet.family] : subnet.prefix,
    gateway,
  };
}

const within = (span: Span, whole: Span): Span => ({
  first: span.first > whole.first ? span.first : whole.first,
  last: span.last < whole.last ? span.last : whole.last,
});

/** What of a span is in none of the others; these may lie outside of it, and over one another. */
function without(span: Span, others: readonly Span[]): Span[] {
  const left: Span[] = [];
  let from = span.first;
  for (const { first, last } of others.toSorted((one, other) => (one.first < other.first ? -1 : 1))) {
    if (last < from) continue;
    if (first > span.last) break;
    if (first > from) left.push({ first: from, last: first - 1n });
    from = last + 1n;
  }
  if (from <= span.last) left.push({ first: from, last: span.last });
  return left;
}

const sizeOfSpan = ({ first, last }: Span): bigint => last - first + 1n;

/** How many addresses there are to give. */
export const capacityOf = (set: AddressSet): bigint =>
  set.reduce((sum, { spans }) => spans.reduce((inRange, span) => inRange + sizeOfSpan(span), sum), 0n);

/** The range that has the address among those that it gives. */
export const rangeOf = (set: AddressSet, { family, value }: IpValue): PoolRange | undefined =>
  set.find(
    ({ subnet, spans }) => subnet.family === family && spans.some(({ first, last }) => value >= first && value <= last),
  );

/** @param index from 0 to below the capacity. @throws RangeError */
export function addressAtIndex(set: AddressSet, index: bigint): IpValue {
  let left = index;
  for (const { subnet, spans } of set)
    for (const span of spans) {
      const size = sizeOfSpan(span);
      if (left >= 0n && left < size) return { family: subnet.family, value: span.first + left };
      left -= size;
    }
  throw new RangeError(`address ${index} of a pool of ${capacityOf(set)}`);
}

export interface Candidate {
  readonly address: IpValue;
  readonly index: bigint;
}

/**
 * Free addresses from a place on, and from the beginning after the end.
 *
 * @param start index of the first one that is looked at
 * @param taken how many addresses at most are not free: the search ends where no further one can be
 * @param most at most so many are wanted
 */
export function freeAddresses(
  set: AddressSet,
  start: bigint,
  isFree: (address: IpValue) => boolean,
  { taken, most }: { readonly taken: number; readonly most: number },
): Candidate[] {
  const capacity = capacityOf(set);
  const steps = BigInt(taken + most);
  const found: Candidate[] = [];
  for (let step = 0n; step < capacity && step < steps && found.length < most; step += 1n) {
    const index = (start + step) % capacity;
    const address = addressAtIndex(set, index);
    if (isFree(address)) found.push({ address, index });
  }
  return found;
}

/** Any place of a set, each as likely as the others. @param random from 0 to below 1 */
export function anyIndex(capacity: bigint, random: () => number): bigint {
  // 160 bits: the remainder prefers no place of even the widest range by more than 2^-32.
  let number = 0n;
  for (let part = 0; part < 5; part += 1) number = (number << 32n) | BigInt(Math.floor(random() * 0x1_0000_0000));
  return capacity === 0n ? 0n : number % capacity;
}

/** Two ranges of one pool that would give the same address; undefined: none do. */
export function overlapping(sets: readonly AddressSet[]): readonly [PoolRange, PoolRange] | undefined {
  const all = sets.flat().flatMap((range) => range.spans.map((span) => ({ range, span })));
  // In order, so that only neighbours need to be compared: somebody may write thousands of spans.
  const inOrder = all.toSorted(
    (one, other) => one.range.subnet.family - other.range.subnet.family || (one.span.first < other.span.first ? -1 : 1),
  );
  for (const [at, { range, span }] of inOrder.entries()) {
    const next = inOrder[at + 1];
    if (next?.range.subnet.family === range.subnet.family && next.span.first <= span.last) return [range, next.range];
  }
  return undefined;
}
