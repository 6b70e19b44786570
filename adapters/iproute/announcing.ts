/** A link whose kernel tells the neighbours of its addresses by itself: gratuitous ARP, and unsolicited neighbour advertisements. */
import { announcingSysctls } from '../links/link-sysctls.ts';
import type { NetnsKernel } from '../../domain/ports/link-kernel.ts';
import { unknownOutcome } from './batch-errors.ts';
import type { RunInside } from './kernel.ts';

const TIMEOUT_MS = 3_000;

/** For sysctl(8): with slashes as separators a dot belongs to the name. */
export const announcingKeys = (link: string): string[] =>
  announcingSysctls(link).map(([path, value]) => `${path}=${value}`);

export function createAnnouncing(inside: RunInside): NetnsKernel['announceItself'] {
  return async (netns, link) => {
    // -e: no such key when the netns has no IPv6.
    const args = ['-e', '-q', '-w', ...announcingKeys(link)];
    const result = await inside(netns, { program: 'sysctl', args, timeoutMs: TIMEOUT_MS });
    if (result.timedOut || result.aborted) throw unknownOutcome('sysctl', result);
  };
}
