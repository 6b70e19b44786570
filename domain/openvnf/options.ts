/**
 * Options of one network, from either source. Strict where the original stored anything: an unknown option, a wrong value or a
 * contradiction is a problem. Repeated `ip`, `route` and `peers` add up.
 */
import { keepAll } from '../plan/keep.ts';
import type { SelectionProblem } from '../network-selection.ts';
import type { IpCodec } from '../ports/ip-codec.ts';
import type { Compatibility } from '../settings.ts';
import type { PortRange, Route } from '../vxlan/vxlan.ts';
import { ADDRESS_RULE, PEERS_RULE, ROUTE_RULE, readAddress, readPeers, readRoute } from './addresses.ts';
import {
  INTERFACE_NAME_RULE,
  OPTION_NAMES,
  PARENT_NAME_RULE,
  isInterfaceName,
  isParentName,
  optionNamed,
  type OptionName,
} from './names.ts';
import { nearestOption } from './nearest.ts';
import { problem, UNTIL_RIGHT } from './problems.ts';
import { shown } from '../text/shown.ts';
import { read, refused, type Reading } from './reading.ts';
import { isOriginal, lastOfEach, withPrefixLength } from './rules.ts';
import { swallowedNames } from './swallowed-names.ts';
import type { Word } from './tokens.ts';

/** What one source says about a network; undefined = says nothing, an empty list = switched off (`ip=false`). */
export interface NetworkOptions {
  readonly id?: number;
  readonly name?: string;
  readonly dev?: string;
  readonly up?: boolean;
  readonly mtu?: number;
  readonly dstPort?: number;
  readonly srcPorts?: PortRange;
  readonly type?: 'vxlan';
  readonly addresses?: readonly string[];
  readonly routes?: readonly Route[];
  readonly peers?: readonly string[];
  /** Unknown MACs go to all members. */
  readonly flood?: boolean;
}

export interface OptionSource {
  readonly kind: 'annotation' | 'config-map';
  readonly network: string;
  readonly ip: IpCodec;
  readonly compatibility: Compatibility;
}

const MAX_VNI = 2 ** 24 - 1;
const MIN_MTU = 576;
const MAX_PORT = 65535;
const MAX_MTU = 65535;
const MAX_ADDRESSES = 16;
const MAX_ROUTES = 16;
const MAX_PEERS = 64;

type Draft = { -readonly [K in keyof NetworkOptions]: NetworkOptions[K] };
interface Fault {
  readonly code: 'InvalidValue' | 'MissingValue' | 'DuplicateOption' | 'TooManyValues';
  readonly why: string;
}
/** Puts one value into the draft; `value` is undefined for a bare word. */
type Reader = (draft: Draft, value: string | undefined, source: OptionSource) => Fault | undefined;

type ScalarKey = 'id' | 'name' | 'dev' | 'up' | 'mtu' | 'dstPort' | 'srcPorts' | 'type' | 'flood';

function scalar<K extends ScalarKey>(
  key: K,
  rule: string,
  parse: (value: string, source: OptionSource) => Reading<NonNullable<NetworkOptions[K]>>,
  text: (value: NonNullable<NetworkOptions[K]>) => string = String,
): Reader {
  return (draft, value, source) => {
    // `id=true` and the bare `id` mean the same in this dialect.
    if (key !== 'up' && key !== 'flood' && (value === undefined || value === 'true')) return missingValue(rule);
    const reading = parse(value ?? 'true', source);
    if (!reading.ok) return invalidValue(value, reading.why, rule);
    const before = draft[key];
    if (before !== undefined && text(before) !== text(reading.value)) {
      return { code: 'DuplicateOption', why: `was given before with value ${shown(text(before))}; give it once` };
    }
    draft[key] = reading.value;
    return undefined;
  };
}

const missingValue = (rule: string): Fault => ({ code: 'MissingValue', why: `needs a value; allowed: ${rule}` });
const invalidValue = (value: string | undefined, why: string, rule: string): Fault => ({
  code: 'InvalidValue',
  why: `value ${shown(value ?? '')} ${why}; allowed: ${rule}`,
});

const integer =
  (least: number, most: number) =>
  (value: string): Reading<number> => {
    // ip(8) would take a leading zero as octal and 0x as hexadecimal; decimal only, so that everybody reads the same number.
    if (!/^(0|[1-9]\d{0,8})$/.test(value)) return refused('is no decimal number');
    const number = Number(value);
    return number < least || number > most ? refused('is out of range') : read(number);
  };

function boolean(value: string): Reading<boolean> {
  if (value === 'true' || value === 'false') return read(value === 'true');
  return refused('is neither true nor false');
}

const matching =
  (accepts: (value: string, compatibility: Compatibility) => boolean) =>
  (value: string, { compatibility }: OptionSource): Reading<string> =>
    accepts(value, compatibility) ? read(value) : refused('is not allowed as a device name');

const PORT = integer(1, MAX_PORT);
const PORT_RANGE_RULE = `two UDP ports from 1 to ${MAX_PORT} with "-" between them, the lower one first, as 20000-30000`;
const portRangeText = ({ first, last }: PortRange): string => `${first}-${last}`;

/** As in ebengt's fork of kube-vxlan-controller; ip(8) wants two ports. */
function portRange(value: string): Reading<PortRange> {
  const parts = value.split('-').map(PORT);
  const [first, last] = parts;
  if (parts.length !== 2 || first?.ok !== true || last?.ok !== true) return refused('is no range of UDP ports');
  // The kernel takes the upper end as not included and sends from no port at all when nothing is left (ip-link(8)).
  return first.value < last.value ? read({ first: first.value, last: last.value }) : refused('is an empty range');
}

const vxlanOnly = (value: string): Reading<'vxlan'> =>
  value === 'vxlan' ? read('vxlan') : refused('is no type podwire knows');

interface ListOption<T> {
  readonly rule: string;
  readonly limit: number;
  parse(value: string, ip: IpCodec): Reading<readonly T[]>;
  /** Two values of the same identity cannot both stand; equal ones count once. */
  identity(item: T): string;
  text(item: T): string;
}

/** Adds to a list, or switches it off; returns the new list or what is wrong. */
function extended<T>(
  before: readonly T[] | undefined,
  value: string | undefined,
  ip: IpCodec,
  option: ListOption<T>,
): Reading<readonly T[]> | Fault {
  if (value === undefined || value === 'true') return missingValue(option.rule);
  const off = value === 'false';
  if (before !== undefined && off !== (before.length === 0)) {
    return { code: 'DuplicateOption', why: 'is both given and switched off with false; give one of them' };
  }
  if (off) return read([]);
  const reading = option.parse(value, ip);
  if (!reading.ok) return invalidValue(value, reading.why, option.rule);
  const list = [...(before ?? [])];
  for (const item of reading.value) {
    const same = list.find((other) => option.identity(other) === option.identity(item));
    if (same === undefined) list.push(item);
    else if (option.text(same) !== option.text(item)) {
      return {
        code: 'DuplicateOption',
        why: `value ${shown(value)} contradicts ${shown(option.text(same))}; give one of them`,
      };
    }
  }
  if (list.length > option.limit) return { code: 'TooManyValues', why: `is given more than ${option.limit} times` };
  return read(list);
}

function list<K extends 'addresses' | 'routes' | 'peers', T extends NonNullable<NetworkOptions[K]>[number]>(
  key: K,
  option: ListOption<T>,
): Reader {
  return (draft, value, { ip }) => {
    const result = extended(draft[key] as readonly T[] | undefined, value, ip, option);
    if ('code' in result) return result;
    if (result.ok) draft[key] = result.value as unknown as Draft[K];
    return undefined;
  };
}

const one = <T>(reading: Reading<T>): Reading<readonly T[]> => (reading.ok ? read([reading.value]) : reading);

const addressList: ListOption<string> = {
  rule: ADDRESS_RULE,
  limit: MAX_ADDRESSES,
  parse: (value, ip) => one(readAddress(value, ip)),
  identity: (cidr) => cidr.slice(0, cidr.indexOf('/')),
  text: (cidr) => cidr,
};
const routeList: ListOption<Route> = {
  rule: ROUTE_RULE,
  limit: MAX_ROUTES,
  parse: (value, ip) => one(readRoute(value, ip)),
  identity: (route) => route.destination,
  text: (route) => `${route.destination}:${route.gateway}`,
};
const peerList: ListOption<string> = {
  rule: PEERS_RULE,
  limit: MAX_PEERS,
  parse: readPeers,
  identity: (peer) => peer,
  text: (peer) => peer,
};

const addressReader = list('addresses', addressList);

const READERS: Readonly<Record<OptionName, Reader>> = {
  id: scalar('id', `a whole number from 1 to ${MAX_VNI}`, integer(1, MAX_VNI)),
  name: scalar('name', INTERFACE_NAME_RULE, matching(isInterfaceName)),
  dev: scalar('dev', PARENT_NAME_RULE, matching(isParentName)),
  up: scalar('up', 'the bare word up, up=true or up=false', boolean),
  ip: (draft, value, source) =>
    addressReader(
      draft,
      value !== undefined && isOriginal(source.compatibility) ? withPrefixLength(value) : value,
      source,
    ),
  route: list('routes', routeList),
  mtu: scalar('mtu', `a whole number from ${MIN_MTU} to ${MAX_MTU}`, integer(MIN_MTU, MAX_MTU)),
  dstport: scalar('dstPort', `a UDP port from 1 to ${MAX_PORT}`, integer(1, MAX_PORT)),
  srcport: scalar('srcPorts', PORT_RANGE_RULE, portRange, portRangeText),
  type: scalar('type', 'vxlan', vxlanOnly),
  peers: list('peers', peerList),
  flood: scalar('flood', 'the bare word flood, flood=true or flood=false', boolean),
};

export interface OptionsRead {
  readonly options: NetworkOptions;
  readonly problems: readonly SelectionProblem[];
  readonly warnings: readonly SelectionProblem[];
  /** Other networks that the wrong words may have been meant to name, as `ParsedSelections.keep` has them. */
  readonly keep: readonly string[];
}

/** The original's defaults win over these options of a ConfigMap entry. */
const WITHOUT_EFFECT: readonly OptionName[] = ['dev', 'name', 'type'];
const NO_EFFECT_BECAUSE =
  'has no effect in a ConfigMap entry under the compatibility rules of kube-vxlan-controller; write it in the annotation, or leave these rules';

/** Reads the options of one network; never throws, and reads on after a mistake so that all are reported at once. */
export function readOptions(words: readonly Word[], source: OptionSource): OptionsRead {
  const draft: Draft = {};
  const problems: SelectionProblem[] = [];
  const warnings: SelectionProblem[] = [];
  const keep: string[] = [];
  const original = isOriginal(source.compatibility);
  for (const word of original ? lastOfEach(words) : words) {
    const { key, value } = split(word.text, source);
    // Lines of a ConfigMap value are not lines of the annotation.
    const line = source.kind === 'annotation' ? word.line : undefined;
    const place = { network: source.network, option: key, value, line };
    const option = optionNamed(key);
    if (option === undefined) {
      const found = problem('UnknownOption', place, unknownOption(key, value, source));
      (original ? warnings : problems).push(found);
      keep.push(...namedByUnknown(word.text, value, source));
      continue;
    }
    if (original && source.kind === 'config-map' && WITHOUT_EFFECT.includes(option)) {
      warnings.push(problem('NoEffectInConfigMap', place, NO_EFFECT_BECAUSE));
      continue;
    }
    const fault = READERS[option](draft, value, source);
    if (fault === undefined) continue;
    problems.push(problem(fault.code, place, fault.why));
    if (fault.code === 'InvalidValue') keep.push(...namedByValue(option, value, source));
  }
  return { options: draft, problems, warnings, keep };
}

/** Whether a word that is no option may be a network, or what is left of one. */
const mayBeNetwork = (value: string | undefined, source: OptionSource): boolean =>
  source.kind === 'annotation' && value === undefined;

/** Where unknown words are ignored, the annotation counts as right: a word is no more than its name. */
function namedByUnknown(word: string, value: string | undefined, source: OptionSource): readonly string[] {
  if (mayBeNetwork(value, source) && !isOriginal(source.compatibility)) return [keepAll('openvnf')];
  return swallowedNames(word, source.compatibility);
}

const namedByValue = (option: OptionName, value: string | undefined, source: OptionSource): readonly string[] =>
  swallowedNames(value ?? '', source.compatibility, (head) => READERS[option]({}, head, source) === undefined);

function split(word: string, source: OptionSource): { key: string; value: string | undefined } {
  // The oldest ConfigMap format: `vxeth0: "100"`.
  if (source.kind === 'config-map' && /^[+-]?\d+$/.test(word)) return { key: 'id', value: word.replace(/^\+/, '') };
  const at = word.indexOf('=');
  return at < 0 ? { key: word, value: undefined } : { key: word.slice(0, at), value: word.slice(at + 1) };
}

function unknownOption(key: string, value: string | undefined, source: OptionSource): string {
  const allowed = `is unknown; allowed: ${OPTION_NAMES.join(', ')}`;
  const alone = mayBeNetwork(value, source);
  const stays = alone && !isOriginal(source.compatibility) ? `; ${UNTIL_RIGHT}` : '';
  if (alone && /^\d+$/.test(key)) return `${allowed}; write id=${key.slice(0, 9)}${stays}`;
  const nearest = nearestOption(key);
  if (nearest !== undefined) return `${allowed}; did you mean ${nearest}?${stays}`;
  if (!alone) return allowed;
  return `${allowed}; if it is a network, put a comma before it or start its line without white space${stays}`;
}
