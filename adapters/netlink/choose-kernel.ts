/** Which of the two ways to the kernel a node has: netlink, or iproute2's programs where netlink cannot be spoken from here. */
import type { LinkKernel } from '../../domain/ports/link-kernel.ts';
import { whyNoSenderRules } from '../nftables/probe.ts';
import type { Run } from '../process/child.ts';
import { createNetlinkKernel, type NetlinkKernelOptions } from './node-kernel.ts';

export type KernelAccess = 'netlink' | 'iproute2';

export interface ChosenKernel {
  readonly kernel: LinkKernel;
  readonly access: KernelAccess;
  /** Why nftables cannot keep strangers from VXLAN links here; undefined: it can, or did not say in time that it cannot. */
  readonly whyNoSenderRules: () => Promise<string | undefined>;
  /** Why it is not netlink although nobody said so. */
  readonly why?: string;
}

const PROBE_TIMEOUT_MS = 10_000;

/**
 * Tries netlink once, from a thread as it is used later: that there is a binary for this architecture and C library, that the thread may open
 * sockets, and that the kernel checks requests strictly and says what it refuses.
 * @param run starts iproute2's programs
 * @param wanted undefined: netlink where it can be spoken
 */
export async function chooseKernel(
  options: NetlinkKernelOptions,
  iproute2: LinkKernel,
  run: Run,
  wanted: KernelAccess | undefined,
): Promise<ChosenKernel> {
  const programs: ChosenKernel = {
    kernel: iproute2,
    access: 'iproute2',
    whyNoSenderRules: () => whyNoSenderRules(run),
  };
  if (wanted === 'iproute2') return programs;
  const why = await whyNoNetlink(options);
  if (why === undefined)
    return {
      kernel: createNetlinkKernel(options),
      access: 'netlink',
      whyNoSenderRules: () => options.thread.call({ operation: 'probeSenders', args: [], timeoutMs: PROBE_TIMEOUT_MS }),
    };
  return { ...programs, why };
}

/** undefined: it can be spoken. */
async function whyNoNetlink({ thread }: NetlinkKernelOptions): Promise<string | undefined> {
  try {
    await thread.call({ operation: 'probe', args: [], timeoutMs: PROBE_TIMEOUT_MS });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
