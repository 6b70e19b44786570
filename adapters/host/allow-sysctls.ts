/**
 * Kernel settings of network namespaces from inside a container. A runtime mounts /proc/sys read-only over itself for every container
 * that is not privileged, whatever its capabilities. Whose settings are seen there is decided by the process's network namespace;
 * whether they may be written, by a flag of that mount, and the mount is the container's own: who may mount takes the flag away for
 * itself and its children, CNI plugins among them, and for nobody else.
 */
import { closeSync, constants, openSync } from 'node:fs';
import type { Run } from '../process/child.ts';

export type SysctlAccess =
  | { readonly kind: 'writable' | 'remounted' }
  /** Links are made all the same; see `createDeafness` for what takes the switch's place. */
  | { readonly kind: 'read-only'; readonly why: string };

/** There on every kernel with networking. Opened only: nothing is ever written. */
const PROBE = '/proc/sys/net/ipv4/ip_forward';
const MOUNT = '/usr/bin/mount';
const TIMEOUT_MS = 3_000;

/** Makes /proc/sys writable for this process and its children, as far as it may. Never throws. */
export async function allowSysctls(run: Run): Promise<SysctlAccess> {
  const refused = whyNotWritable();
  if (refused === undefined) return { kind: 'writable' };
  if (refused !== 'EROFS') return { kind: 'read-only', why: `${PROBE}: ${refused}` };
  // `bind`: the flags of this mount alone, not of the file system, which is the node's. A remount sets all of them anew.
  const args = ['-o', 'remount,bind,rw,nosuid,nodev,noexec', '/proc/sys'];
  const { code, stderr } = await run({ file: MOUNT, args, env: { LC_ALL: 'C' }, timeoutMs: TIMEOUT_MS });
  const still = whyNotWritable();
  if (still === undefined) return { kind: 'remounted' };
  return { kind: 'read-only', why: code === 0 ? `${PROBE}: ${still}` : stderr.trim().replace(/\s+/g, ' ') };
}

/** The error's code. */
function whyNotWritable(): string | undefined {
  try {
    closeSync(openSync(PROBE, constants.O_WRONLY));
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** What an administrator is told at the start. */
export const READ_ONLY_SYSCTLS =
  '/proc/sys is read-only and may not be remounted: CNI plugins that write kernel settings (bridge with isGateway, ptp, tuning) will fail, and IPv6 router advertisements on VXLAN links are dropped by nftables in the pod instead of being switched off; give the container appArmorProfile Unconfined beside SYS_ADMIN, or make it privileged';
