/** The keys of one selection element (NPWG 1.3, section 4.1.2.1), judged and brought into CNI's form. */
import type { CniAttachmentSpec, CniCapabilityArgs, JsonObject, JsonValue } from '../cni/attachment.ts';
import { GUID_RULE, MAC_RULE, readGuid, readMac } from '../cni/hardware-address.ts';
import { CNI_INTERFACE_RULE, isCniInterfaceName } from '../cni/interface-name.ts';
import { hostKeyProblems } from '../cni/policy.ts';
import { dialectProblem } from '../cni/problems.ts';
import type { SelectionProblem } from '../network-selection.ts';
import { shown, shownJson } from '../text/shown.ts';
import { read, refused, type Reading } from '../openvnf/reading.ts';
import type { IpCodec } from '../ports/ip-codec.ts';
import type { CniPolicy } from '../settings.ts';
import { foldedKey, isJsonObject, member, strangeKeys } from '../text/strict-json.ts';
import { readGateways, readIps } from './addresses.ts';
import type { NpwgElement } from './elements.ts';
import { NPWG_KEYS, type NpwgKey } from './keys.ts';
import { BANDWIDTH_RULE, PORT_MAPPINGS_RULE, readBandwidth, readPortMappings } from './traffic.ts';

/** Key of `args.cni` under which plugins find the name of the IPAMClaim. */
const IPAM_CLAIM_ARG = 'ipam-claim-reference';

export interface JudgedFields {
  readonly spec: CniAttachmentSpec;
  readonly problems: readonly SelectionProblem[];
}

/** Judges everything but the names; with problems, `spec` holds what was right. */
export function npwgFields(element: NpwgElement, ip: IpCodec, policy: CniPolicy): JudgedFields {
  const network = `${element.namespace}/${element.name}`;
  const problems = unknownKeys(element.fields, network);
  const take = <T>(key: NpwgKey, allowed: string, reader: (value: JsonValue) => Reading<T>): T | undefined => {
    const value = member(element.fields, key);
    if (value === undefined) return undefined;
    const found = reader(value);
    if (found.ok) return found.value;
    const why = `value ${shownJson(value)} ${found.why}; allowed: ${allowed} (NPWG 1.3, section 4.1.2.1, "${key}")`;
    problems.push(dialectProblem('npwg', 'InvalidValue', { network, option: key, value: brief(value) }, why));
    return undefined;
  };
  const interfaceName = take('interface', CNI_INTERFACE_RULE, readInterface);
  const ips = take('ips', 'a list of unicast addresses, each with or without prefix length, none twice', (value) =>
    readIps(value, ip),
  );
  const mac = take('mac', MAC_RULE, text(readMac));
  const infinibandGUID = take('infiniband-guid', GUID_RULE, text(readGuid));
  const bandwidth = take('bandwidth', BANDWIDTH_RULE, readBandwidth);
  const portMappings = take('portMappings', PORT_MAPPINGS_RULE, (value) => readPortMappings(value, ip));
  const cniArgs = take('cni-args', 'an object with at least one key', readCniArgs);
  const gateways = take(
    'default-route',
    'a list of one IPv4 address, one IPv6 address, one of each, or none',
    (value) => readGateways(value, ip),
  );
  const claim = take('ipam-claim-reference', 'the name of an IPAMClaim in the namespace of the pod', readClaim);
  problems.push(...claimProblems(element.fields, network), ...argumentProblems(cniArgs, network, policy));

  const capabilityArgs: CniCapabilityArgs = {
    ...(ips === undefined ? {} : { ips }),
    ...(mac === undefined ? {} : { mac }),
    ...(infinibandGUID === undefined ? {} : { infinibandGUID }),
    ...(bandwidth === undefined ? {} : { bandwidth }),
    ...(portMappings === undefined ? {} : { portMappings }),
  };
  const configArgs = { ...cniArgs, ...(claim === undefined ? {} : { [IPAM_CLAIM_ARG]: claim }) };
  const spec: CniAttachmentSpec = {
    kind: 'cni',
    interfaceName: interfaceName ?? '',
    capabilityArgs,
    args: [],
    ...(Object.keys(configArgs).length === 0 ? {} : { configArgs }),
    defaultRoute: gateways ?? [],
    ...(gateways?.length === 0 ? { noDefaultRoute: true } : {}),
  };
  return { spec, problems };
}

/** Names of keys without a period are the specification's own, so an unknown one is a mistake; others are somebody else's. */
function unknownKeys(fields: JsonObject, network: string): SelectionProblem[] {
  return strangeKeys(fields, NPWG_KEYS).flatMap(({ key, meant }) => {
    if (meant === undefined && key.includes('.')) return [];
    const near = meant ?? SYNONYMS.get(foldedKey(key).replaceAll(/[-_]/g, ''));
    const hint = near === undefined ? `known keys: ${NPWG_KEYS.join(', ')}` : `did you mean "${near}"?`;
    const why = `is no key of a selection; ${hint} (NPWG 1.3, section 4.1.2.1: keys without a period are reserved)`;
    return [dialectProblem('npwg', 'UnknownKey', { network, option: key }, why)];
  });
}

/** What people write, and what other implementations read. */
const SYNONYMS: ReadonlyMap<string, NpwgKey> = new Map([
  ...NPWG_KEYS.map((key) => [key.toLowerCase().replaceAll('-', ''), key] as const),
  ['ip', 'ips'],
  ['ipaddress', 'ips'],
  ['ifname', 'interface'],
  ['interfacename', 'interface'],
  ['interfacerequest', 'interface'],
  ['macaddress', 'mac'],
  ['gateway', 'default-route'],
  ['ipamclaim', 'ipam-claim-reference'],
]);

function readInterface(value: JsonValue): Reading<string> {
  if (typeof value !== 'string') return refused('is no text');
  return isCniInterfaceName(value) ? read(value) : refused('is no name for an interface');
}

const text =
  (reader: (text: string) => Reading<string>) =>
  (value: JsonValue): Reading<string> =>
    typeof value === 'string' ? reader(value) : refused('is no text');

function readCniArgs(value: JsonValue): Reading<JsonObject> {
  if (!isJsonObject(value)) return refused('is no object');
  return Object.keys(value).length === 0 ? refused('is empty') : read(value);
}

function readClaim(value: JsonValue): Reading<string> {
  const name = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
  return typeof value === 'string' && name.test(value) ? read(value) : refused('is no name of an object');
}

/** The claim decides the addresses, so nothing else may. */
function claimProblems(fields: JsonObject, network: string): SelectionProblem[] {
  if (!Object.hasOwn(fields, 'ipam-claim-reference') || !Object.hasOwn(fields, 'ips')) return [];
  const why = 'stands beside "ips"; allowed: one of the two (NPWG 1.3, section 4.1.2.1, "ipam-claim-reference")';
  return [dialectProblem('npwg', 'IpsWithClaim', { network, option: 'ipam-claim-reference' }, why)];
}

/** Arguments in `args.cni` that would do what a checked key does, or reach into the host. */
function argumentProblems(args: JsonObject | undefined, network: string, policy: CniPolicy): SelectionProblem[] {
  if (args === undefined) return [];
  const place = { network, option: 'cni-args' };
  const own = ['ips', 'mac', 'infinibandGUID', 'bandwidth', 'portMappings', 'deviceID', IPAM_CLAIM_ARG].map(foldedKey);
  const shadowing = Object.keys(args)
    .filter((key) => own.includes(foldedKey(key)))
    .map((key) => {
      const why = `has the key ${shown(key)}, which would go around the checks of the key with this meaning; write that one instead`;
      return dialectProblem('npwg', 'InvalidValue', place, why);
    });
  const reaching = hostKeyProblems(args, policy).map((found) => dialectProblem('npwg', found.code, place, found.why));
  return [...shadowing, ...reaching];
}

const brief = (value: JsonValue): string => (typeof value === 'string' ? value : JSON.stringify(value).slice(0, 64));
