/**
 * Values of links as the kernel is given them, by whichever way. Each is parsed and written anew; nothing that was read from a record or a task
 * reaches the kernel as it came, and what does not parse is refused.
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { PodwireError } from '../../domain/failures.ts';
import { FLOOD_MAC, type FdbEntry } from '../../domain/forwarding/fdb.ts';

/** The kernel takes far more (`a;b`, `-x`, `$(id)`); the first character keeps words apart from options. KubeVirt's begin with a digit. */
const LINK_NAME = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,14}$/;
const ALIAS = /^[a-zA-Z0-9:._-]{0,255}$/;
const MAC = /^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/;

/**
 * Marks routes and neighbours as podwire's, so that what somebody else put on the same link is left alone. Numbers above those of
 * /etc/iproute2/rt_protos (babel 42, bgp 186, isis 187, ospf 188, rip 189, eigrp 192) mean nothing to the kernel.
 */
export const ROUTE_PROTOCOL = 230;

/** Flood entries add up; a MAC has one destination, and the kernel ignores an `append` of a second one without a word. */
export const fdbVerb = (entry: FdbEntry): 'append' | 'replace' => (entry.mac === FLOOD_MAC ? 'append' : 'replace');

/** Throws InvalidLink for what must not be a link's name on a command line. */
export function linkName(text: string): string {
  if (!LINK_NAME.test(text)) throw invalid('interface name', text, 'a letter, then up to 14 of a-z A-Z 0-9 . _ -');
  return text;
}

export function aliasText(text: string): string {
  if (!ALIAS.test(text)) throw invalid('alias', text, 'letters, digits and :._-');
  return text;
}

export function mac(text: string): string {
  if (!MAC.test(text)) throw invalid('mac', text, 'six bytes in lower-case hex');
  return text;
}

export function address(text: string): string {
  if (isIP(text) === 0 || text.includes('%')) throw invalid('address', text, 'an IPv4 or IPv6 address');
  return written(ipaddr.parse(text));
}

export function cidr(text: string): string {
  const [, bare = '', digits = ''] = /^([^/]*)\/(\d{1,3})$/.exec(text) ?? [];
  const parsed = address(bare);
  if (Number(digits) > (isIP(parsed) === 4 ? 32 : 128)) throw invalid('address', text, 'address/prefix');
  return `${parsed}/${Number(digits)}`;
}

const written = (parsed: ipaddr.IPv4 | ipaddr.IPv6): string =>
  parsed instanceof ipaddr.IPv6 ? parsed.toRFC5952String() : parsed.toString();

export function integer(field: string, value: number, low: number, high: number): number {
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw invalid(field, String(value), `${low}…${high}`);
}

export const invalid = (field: string, value: string, allowed: string): PodwireError =>
  new PodwireError('InvalidLink', `${field} ${JSON.stringify(value)} is not usable; allowed: ${allowed}`);
