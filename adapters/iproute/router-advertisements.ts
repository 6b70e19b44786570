/**
 * Deaf to IPv6 router advertisements: whoever shares a network with a pod must not give it addresses and a default route.
 *
 * The link's own switch first. Where /proc/sys is read-only, as a container has it that may not mount, a rule of nftables in the pod's
 * network namespace drops them instead. It goes by the link's index, which follows a link that is renamed and is not given out again;
 * the table is podwire's own, so that what a pod does with its other rules is not touched. (Measured: `addrgenmode none` keeps neither
 * the address nor the route away.)
 */
import { linkName } from '../links/link-values.ts';
import { acceptsAdvertisements } from '../links/link-sysctls.ts';
import type { NetnsKernel, OpenNetns } from '../../domain/ports/link-kernel.ts';
import type { RunResult } from '../process/child.ts';
import { unknownOutcome } from './batch-errors.ts';
import { announcingKeys } from './announcing.ts';
import type { InsideCall, RunInside } from './kernel.ts';

const TIMEOUT_MS = 3_000;
const TABLE = 'ip6 podwire';

/** Repeatable as a whole, and one transaction. */
const rules = (link: string): string =>
  [
    `add table ${TABLE}`,
    `add set ${TABLE} deaf { type iface_index; }`,
    `add chain ${TABLE} input { type filter hook input priority filter; }`,
    `flush chain ${TABLE} input`,
    `add rule ${TABLE} input iif @deaf icmpv6 type nd-router-advert drop`,
    `add element ${TABLE} deaf { "${linkName(link)}" }`,
  ].join('; ');

export function createDeafness(inside: RunInside): NetnsKernel['ignoreRouterAdvertisements'] {
  const attempt = async (
    netns: OpenNetns,
    program: InsideCall['program'],
    args: readonly string[],
  ): Promise<string | undefined> => {
    const result = await inside(netns, { program, args, timeoutMs: TIMEOUT_MS });
    if (result.code === 0) return undefined;
    if (isUnknown(result)) throw unknownOutcome(program, result);
    return `${program}: ${firstLine(result)}`;
  };
  return async (netns, link) => {
    // sysctl(8): with slashes as separators a dot belongs to the name. -e: no such key when the netns has no IPv6.
    const keys = [`${acceptsAdvertisements(link)}=0`, ...announcingKeys(link)];
    const noSwitch = await attempt(netns, 'sysctl', ['-e', '-q', '-w', ...keys]);
    if (noSwitch === undefined) return undefined;
    const noRule = await attempt(netns, 'nft', [rules(link)]);
    return noRule === undefined ? undefined : `${noSwitch}; ${noRule}`;
  };
}

/** One that is not there, and says so, has not been run. */
const isUnknown = ({ code, timedOut, aborted, stderr }: RunResult): boolean =>
  timedOut || aborted || (code === undefined && !/not found|no such file/i.test(stderr));

const firstLine = ({ stderr, code }: RunResult): string =>
  stderr.trim().split('\n', 1)[0]?.slice(0, 150) || `ended with ${code ?? 'no code'}`;
