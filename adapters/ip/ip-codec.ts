/**
 * IP text to canonical text. Node's own check decides what is an address (it refuses `1`, `0x7f.1`, leading zeros), ipaddr.js
 * gives the bytes, the RFC 5952 text and the kind of address.
 */
import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { IpCodec } from '../../domain/ports/ip-codec.ts';

type Parsed = ipaddr.IPv4 | ipaddr.IPv6;

/** No zone ids, and no IPv4-mapped IPv6 (`::ffff:1.2.3.4`): the kernel treats that as another way to write an IPv4 address.
 * The deprecated `::1.2.3.4` is refused with them: ipaddr.js takes it for a mapped one. */
function parse(text: string): Parsed | undefined {
  if (isIPv4(text)) return ipaddr.IPv4.parse(text);
  if (text.includes('%') || !isIPv6(text)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? undefined : address;
}

const familyOf = (address: Parsed): 4 | 6 => (address.kind() === 'ipv4' ? 4 : 6);

/** RFC 5952 for IPv6. */
const canonicalText = (address: Parsed): string =>
  address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString();

function parseCidr(text: string): { address: Parsed; prefix: number } | undefined {
  const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  const address = parse(match?.[1] ?? '');
  const prefix = Number(match?.[2]);
  if (address === undefined || prefix > (familyOf(address) === 4 ? 32 : 128)) return undefined;
  return { address, prefix };
}

function maskedText(address: Parsed, prefix: number): string {
  const bytes = address
    .toByteArray()
    .map((byte, index) => byte & (0xff << Math.min(8, Math.max(0, 8 * (index + 1) - prefix))));
  return canonicalText(ipaddr.fromByteArray(bytes));
}

export const ipCodec: IpCodec = {
  address(text) {
    const address = parse(text);
    return address === undefined ? undefined : { family: familyOf(address), canonical: canonicalText(address) };
  },
  cidr(text) {
    const parsed = parseCidr(text);
    if (parsed === undefined) return undefined;
    const address = canonicalText(parsed.address);
    return {
      family: familyOf(parsed.address),
      address,
      prefix: parsed.prefix,
      canonical: `${address}/${parsed.prefix}`,
    };
  },
  network(text) {
    const parsed = parseCidr(text);
    if (parsed === undefined) return undefined;
    return {
      family: familyOf(parsed.address),
      canonical: `${maskedText(parsed.address, parsed.prefix)}/${parsed.prefix}`,
    };
  },
  /** The kind's name in ipaddr.js; `invalid` when the text is no address. */
  range(address) {
    return parse(address)?.range() ?? 'invalid';
  },
};
