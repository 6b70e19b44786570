/** As whom a member of a network of mode node may send: with its own MAC and its own addresses alone (ADR 65). Pure. */
import { addressOf } from '../text/cidr.ts';

export interface PortGuard {
  readonly mac: string;
  /** Without prefixes. */
  readonly four: readonly string[];
  /** With the link-local one that follows from the MAC. */
  readonly six: readonly string[];
}

export function portGuard(mac: string, cidrs: readonly string[]): PortGuard {
  const addresses = [...new Set(cidrs.map(addressOf))];
  return {
    mac,
    four: addresses.filter((address) => !address.includes(':')).sort(),
    six: [...new Set([linkLocal(mac), ...addresses.filter((address) => address.includes(':'))])].sort(),
  };
}

/** The address that a link gives itself by RFC 4291, appendix A: the MAC with ff:fe in its middle and its second-lowest bit turned over. */
export function linkLocal(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((byte) => Number.parseInt(byte, 16));
  const group = (high: number, low: number): string => ((high << 8) | low).toString(16);
  return `fe80::${group(a ^ 2, b)}:${group(c, 0xff)}:${group(0xfe, d)}:${group(e, f)}`;
}
