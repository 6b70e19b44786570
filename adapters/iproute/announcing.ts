/** A link whose kernel tells the neighbours of its addresses by itself: gratuitous ARP, and unsolicited neighbour advertisements. */
import type { NetnsKernel } from '../../domain/ports/link-kernel.ts';
import { unknownOutcome } from './batch-errors.ts';
import type { RunInside } from './kernel.ts';
import { linkName } from './lines.ts';

const TIMEOUT_MS = 3_000;

/** sysctl(8): with slashes as separators a dot belongs to the name. */
export const announcingKeys = (link: string): string[] => [
  `net/ipv4/conf/${linkName(link)}/arp_notify=1`,
  `net/ipv6/conf/${linkName(link)}/ndisc_notify=1`,
];

export function createAnnouncing(inside: RunInside): NetnsKernel['announceItself'] {
  return async (netns, link) => {
    // -e: no such key when the netns has no IPv6.
    const args = ['-e', '-q', '-w', ...announcingKeys(link)];
    const result = await inside(netns, { program: 'sysctl', args, timeoutMs: TIMEOUT_MS });
    if (result.timedOut || result.aborted) throw unknownOutcome('sysctl', result);
  };
}
