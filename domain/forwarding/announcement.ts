/** How the neighbours of a link are told which MAC has its addresses; a peer that knows an old one would keep it for many seconds. Pure. */
import { addressOf } from '../text/cidr.ts';
import type { LinkCommand } from '../ports/link-kernel.ts';

/**
 * For addresses of a link that is up. Every IPv4 address is announced by itself, which needs no setting of the kernel. IPv6 is announced
 * with all that the link has, where the kernel was told to (`announceItself`).
 * @param mac the link's own
 * @param cidrs those to be announced; link-local ones are nobody's to know
 */
export function announcements(name: string, mac: string, cidrs: readonly string[]): LinkCommand[] {
  const six = cidrs.some(isIpv6);
  return [
    ...(six ? [{ op: 'announce-all' as const, name, mac }] : []),
    ...cidrs
      .filter((cidr) => !isIpv6(cidr))
      .map((cidr) => ({ op: 'announce' as const, name, address: addressOf(cidr) })),
  ];
}

/** For a link that comes up in the same batch: what the kernel announces by itself then is not asked for again. */
export const announcementsOnUp = (name: string, cidrs: readonly string[]): LinkCommand[] =>
  announcements(
    name,
    '',
    cidrs.filter((cidr) => !isIpv6(cidr)),
  );

const isIpv6 = (cidr: string): boolean => cidr.includes(':');
