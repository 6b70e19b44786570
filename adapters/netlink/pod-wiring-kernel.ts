/** Connects pods to their node through the thread that speaks netlink. */
import type { IdentifiedNetns, OpenNetns } from '../../domain/ports/link-kernel.ts';
import type { PodWiringKernel } from '../../domain/ports/pod-wiring-kernel.ts';
import type { PodWiring } from '../../domain/primary/pod-wiring.ts';
import { enteredBy } from './node-kernel.ts';
import type { NetlinkThread } from './thread.ts';

/** Some twenty requests, and others may hold the kernel's lock on links meanwhile. */
const TIMEOUT_MS = 10_000;

/** @param host the node's namespace, opened by the netlink kernel; absent: that of this process */
export function createPodWiringKernel(thread: NetlinkThread, host?: IdentifiedNetns): PodWiringKernel {
  const node = host === undefined ? undefined : enteredBy(host).descriptor;
  const inBoth = (operation: 'wirePod' | 'missingOfPod', netns: OpenNetns, wiring: PodWiring) => {
    const { descriptor, signal } = enteredBy(netns);
    return thread.call({ operation, args: [wiring, node], netns: descriptor, signal, timeoutMs: TIMEOUT_MS });
  };
  return {
    wire: (netns, wiring) => inBoth('wirePod', netns, wiring),
    missing: (netns, wiring) => inBoth('missingOfPod', netns, wiring),
    unwire: (wiring, signal) =>
      thread.call({
        ...{ operation: 'unwirePod' as const, args: [wiring], signal, timeoutMs: TIMEOUT_MS },
        ...(node === undefined ? {} : { netns: node }),
      }),
  };
}
