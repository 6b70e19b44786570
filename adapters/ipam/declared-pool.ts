/** A pool as somebody wrote it, with every mistake named. */
import { PodwireError } from '../../domain/failures.ts';
import type { DeclaredPool } from '../../domain/ipam/declared.ts';
import {
  capacityOf,
  DEFAULT_REST_MS,
  overlapping,
  poolRange,
  type AddressSet,
  type PoolRange,
  type Span,
} from '../../domain/ipam/pool.ts';
import type { IpNumbers } from '../../domain/ports/ip-numbers.ts';
import { containsAddress, sizeOf, subnetText, type IpValue, type Subnet } from '../../domain/primary/subnet.ts';
import { shown } from '../../domain/text/shown.ts';
import { ignoredKeys, poolSchema, type WrittenPool, type WrittenRange } from './pool-schema.ts';

export interface WrittenDeclaration extends DeclaredPool {
  /** Only a name was written: its ranges are those of the pool that was declared by it. */
  readonly isOnlyNamed: boolean;
}

/** The name of a pool whose configuration has none: whereabouts has one space of addresses for each network_name, and one without. */
export const poolNameOf = (networkName: string | undefined): string =>
  networkName === undefined || networkName === '' ? 'default' : `net.${networkName}`;

/** @throws PodwireError AddressingInvalid with every mistake */
export function declaredPool(value: unknown, ip: IpNumbers): WrittenDeclaration {
  const parsed = poolSchema.safeParse(value);
  if (!parsed.success)
    throw invalid(parsed.error.issues.slice(0, 5).map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`));
  const written = parsed.data;
  const problems: string[] = [];
  const sets = writtenSets(written).map((set) =>
    set.flatMap(([where, range]) =>
      readRange(where, withGateway(range, written, ip), written.pointToPoint === true, ip, problems),
    ),
  );
  checkLimits(written, sets.length > 0, problems);
  if (problems.length === 0) checkSets(sets, ip, problems);
  if (sets.length === 0 && written.pool === undefined)
    problems.push('neither a range nor the name of a pool; allowed: range, ranges, ipRanges or pool');
  if (problems.length > 0) throw invalid(problems);
  return {
    pool: {
      name: written.pool ?? poolNameOf(written.network_name),
      sets,
      order: written.order ?? 'next',
      restMs: written.restSeconds === undefined ? DEFAULT_REST_MS : written.restSeconds * 1_000,
      perNamespace: written.perNamespace,
      sticky: written.sticky ?? false,
    },
    isOnlyNamed: sets.length === 0,
    routes: (written.routes ?? []).map(({ dst, gw }) => ({ dst, ...(gw === undefined ? {} : { gw }) })),
    dns: written.dns,
    ignored: [...ignoredKeys(written), ...(sets.length === 0 ? OF_DECLARATION.filter((key) => key in written) : [])],
  };
}

/** What a pool has of its declaration, and not of who only names it. */
const OF_DECLARATION = [
  'gateway',
  'exclude',
  'range_start',
  'range_end',
  'order',
  'restSeconds',
  'perNamespace',
  'sticky',
] as const;

/** What whereabouts says beside `range` is of that range; where there are others only, it would limit nothing. */
function checkLimits(written: WrittenPool, hasRanges: boolean, problems: string[]): void {
  if (!hasRanges || (written.range ?? '') !== '') return;
  for (const key of ['range_start', 'range_end', 'exclude'] as const)
    if (written[key] !== undefined)
      problems.push(`${key} is there without range; allowed: beside range, or in each of ipRanges and ranges`);
}

/** whereabouts has one gateway for all ranges: it is that of the ranges it is an address of. */
function withGateway(range: WrittenRange, { gateway }: WrittenPool, ip: IpNumbers): WrittenRange {
  if (range.gateway !== undefined || gateway === undefined || gateway === '') return range;
  const subnet = ip.subnet(limitsOf(range).text);
  const address = ip.value(gateway);
  return subnet !== undefined && address !== undefined && containsAddress(subnet, address)
    ? { ...range, gateway }
    : range;
}

type Placed = readonly [where: string, range: WrittenRange];

/** whereabouts: `range` and each of `ipRanges` give an address. host-local: each list of `ranges` gives one. */
function writtenSets(written: WrittenPool): Placed[][] {
  const { range, range_start: start, range_end: end, exclude, gateway } = written;
  const own: WrittenRange = {
    ...(range === undefined ? {} : { range }),
    ...(start === undefined ? {} : { range_start: start }),
    ...(end === undefined ? {} : { range_end: end }),
    ...(exclude === undefined ? {} : { exclude }),
    ...(gateway === undefined ? {} : { gateway }),
  };
  const first: Placed[][] = range === undefined || range === '' ? [] : [[['range', own]]];
  const more = (written.ipRanges ?? []).map((each, at): Placed[] => [[`ipRanges[${at}]`, each]]);
  const lists = (written.ranges ?? []).map((each, at): Placed[] =>
    Array.isArray(each)
      ? each.map((one, index): Placed => [`ranges[${at}][${index}]`, one])
      : [[`ranges[${at}]`, each]],
  );
  return [...first, ...more, ...lists];
}

function readRange(
  where: string,
  written: WrittenRange,
  isPointToPoint: boolean,
  ip: IpNumbers,
  problems: string[],
): PoolRange[] {
  const { text, start, end } = limitsOf(written);
  const subnet = ip.subnet(text);
  if (subnet === undefined) {
    const given = written.range ?? written.subnet ?? '';
    problems.push(`${where} is ${shown(given)}; allowed: ADDRESS/PREFIX, or FIRST-LAST/PREFIX`);
    return [];
  }
  const address = (key: string, given: string | undefined, mayBeOutside = false): IpValue | undefined => {
    if (given === undefined || given === '') return undefined;
    const found = ip.value(given);
    if (found === undefined || (!containsAddress(subnet, found) && !mayBeOutside))
      problems.push(`${where}: ${key} is ${shown(given)}; allowed: an address of ${text}`);
    return found;
  };
  const first = address('range_start', start)?.value;
  const last = address('range_end', end)?.value;
  if (first !== undefined && last !== undefined && first > last)
    problems.push(`${where}: range_start lies behind range_end; allowed: the lower one first`);
  const gateway = address('gateway', written.gateway, isPointToPoint);
  const excluded = (written.exclude ?? []).flatMap((each) => readExclusion(where, each, subnet, ip, problems));
  return [poolRange({ subnet, first, last, excluded, gateway, isPointToPoint })];
}

interface Limits {
  /** ADDRESS/PREFIX. */
  readonly text: string;
  readonly start: string | undefined;
  readonly end: string | undefined;
}

/** whereabouts also writes FIRST-LAST/PREFIX as a range. */
function limitsOf(written: WrittenRange): Limits {
  const { range, subnet, range_start: start = written.rangeStart, range_end: end = written.rangeEnd } = written;
  const text = range ?? subnet ?? '';
  const [, first, last] = /^([^-/]+)-([^-]+)$/.exec(text) ?? [];
  if (first === undefined || last === undefined) return { text, start, end };
  return { text: last, start: start ?? first, end: end ?? last.split('/', 1)[0] };
}

/** A subnet, an address, or FIRST-LAST. */
function readExclusion(where: string, text: string, { family }: Subnet, ip: IpNumbers, problems: string[]): Span[] {
  const subnet = ip.subnet(text);
  if (subnet !== undefined)
    return subnet.family === family ? [{ first: subnet.base, last: subnet.base + sizeOf(subnet) - 1n }] : [];
  const [first, last = first, more] = text.split('-').map((each) => ip.value(each));
  if (first !== undefined && last?.family === first.family && more === undefined && first.value <= last.value)
    return first.family === family ? [{ first: first.value, last: last.value }] : [];
  problems.push(`${where}: exclude holds ${shown(text)}; allowed: ADDRESS/PREFIX, ADDRESS or FIRST-LAST`);
  return [];
}

function checkSets(sets: readonly AddressSet[], ip: IpNumbers, problems: string[]): void {
  const named = (set: AddressSet): string => set.map(({ subnet }) => subnetText(subnet, ip)).join(', ');
  for (const set of sets)
    if (capacityOf(set) === 0n) problems.push(`${named(set)}: there is no address to give; allowed: one or more`);
  const both = overlapping(sets);
  if (both !== undefined) problems.push(`${named(both)} give the same addresses; allowed: ranges that lie apart`);
}

const invalid = (problems: readonly string[]): PodwireError =>
  new PodwireError('AddressingInvalid', `the pool of addresses: ${problems.join('; ')}`);
