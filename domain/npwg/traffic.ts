/** Bandwidth and port mappings in an NPWG selection. */
import type { CniBandwidth, CniPortMapping, JsonObject, JsonValue } from '../cni/attachment.ts';
import { shown } from '../text/shown.ts';
import { read, refused, type Reading } from '../openvnf/reading.ts';
import type { IpCodec } from '../ports/ip-codec.ts';
import { isJsonList, isJsonObject, member, strangeKeys } from '../text/strict-json.ts';

const BANDWIDTH_KEYS = ['ingressRate', 'ingressBurst', 'egressRate', 'egressBurst'] as const;

const DIRECTIONS = [
  ['ingressRate', 'ingressBurst'],
  ['egressRate', 'egressBurst'],
] as const;

export const BANDWIDTH_RULE =
  'an object with ingressRate, ingressBurst, egressRate, egressBurst (positive whole numbers of bits), a burst only with its rate; ' +
  'rate and burst 0 ask for no limit';

/**
 * The limits that are asked for; undefined when there is none. Programs that write annotations with NPWG's Go types write all four
 * keys, with 0 for what they do not ask for.
 */
export function readBandwidth(value: JsonValue): Reading<CniBandwidth | undefined> {
  if (!isJsonObject(value)) return refused('is no object');
  const strange = strangeKey(value, BANDWIDTH_KEYS);
  if (strange !== undefined) return refused(strange);
  const given = BANDWIDTH_KEYS.filter((key) => Object.hasOwn(value, key));
  if (given.length === 0) return refused('is empty');
  const wrong = given.find((key) => !isAmount(value[key] ?? 0));
  if (wrong !== undefined) return refused(`has a "${wrong}" that is no positive whole number`);
  const asked = given.filter((key) => (value[key] ?? 0) !== 0);
  for (const [rate, burst] of DIRECTIONS) {
    if (asked.includes(burst) && !asked.includes(rate)) return refused(`has "${burst}" without "${rate}"`);
    // Whoever asks for a rate has to say how much of it may come at once: the bandwidth plugin refuses a burst of 0.
    if (asked.includes(rate) && value[burst] === 0) return refused(`has "${rate}" with a "${burst}" of 0`);
  }
  if (asked.length === 0) return read(undefined);
  return read(Object.fromEntries(asked.map((key) => [key, value[key]])) as CniBandwidth);
}

const isAmount = (bits: JsonValue): boolean => typeof bits === 'number' && Number.isSafeInteger(bits) && bits >= 0;

const MAX_PORTS = 256;
const PORT_KEYS = ['hostPort', 'containerPort', 'protocol', 'hostIP'];
const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const;

export const PORT_MAPPINGS_RULE =
  'a list of objects with hostPort and containerPort (1 to 65535), optionally protocol (tcp, udp, sctp) and hostIP, none twice';

export function readPortMappings(value: JsonValue, ip: IpCodec): Reading<readonly CniPortMapping[]> {
  if (!isJsonList(value)) return refused('is no list');
  if (value.length === 0) return refused('is empty');
  if (value.length > MAX_PORTS) return refused(`has more than ${MAX_PORTS} entries`);
  const mappings: CniPortMapping[] = [];
  const seen = new Set<string>();
  for (const item of value) {
    const one = readPortMapping(item, ip);
    if (!one.ok) return one;
    const identity = `${one.value.hostIP ?? ''} ${one.value.protocol} ${one.value.hostPort}`;
    if (seen.has(identity)) return refused(`maps the host's ${one.value.protocol} port ${one.value.hostPort} twice`);
    seen.add(identity);
    mappings.push(one.value);
  }
  return read(mappings);
}

function readPortMapping(value: JsonValue, ip: IpCodec): Reading<CniPortMapping> {
  if (!isJsonObject(value)) return refused('holds something that is no object');
  const strange = strangeKey(value, PORT_KEYS);
  if (strange !== undefined) return refused(strange);
  const hostPort = member(value, 'hostPort');
  const containerPort = member(value, 'containerPort');
  if (!isPort(hostPort) || !isPort(containerPort)) {
    return refused(`has a "${isPort(hostPort) ? 'containerPort' : 'hostPort'}" that is no port from 1 to 65535`);
  }
  const written = member(value, 'protocol') ?? 'tcp';
  // Kubernetes writes TCP, CNI's portmap tcp.
  const protocol = PROTOCOLS.find((known) => typeof written === 'string' && known === written.toLowerCase());
  if (protocol === undefined) return refused('has a "protocol" that is none of tcp, udp, sctp');
  const hostIP = member(value, 'hostIP') ?? '';
  if (hostIP === '') return read({ hostPort, containerPort, protocol });
  const address = typeof hostIP === 'string' && hostIP.length < 64 ? ip.address(hostIP) : undefined;
  if (address === undefined) return refused('has a "hostIP" that is no address');
  return read({ hostPort, containerPort, protocol, hostIP: address.canonical });
}

const isPort = (value: JsonValue | undefined): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535;

function strangeKey(value: JsonObject, known: readonly string[]): string | undefined {
  const [strange] = strangeKeys(value, known);
  if (strange === undefined) return undefined;
  return `has the unknown key ${shown(strange.key)}${strange.meant === undefined ? '' : `; did you mean "${strange.meant}"?`}`;
}
