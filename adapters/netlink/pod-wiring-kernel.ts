/** Connects pods to their node through the thread that speaks netlink. */
import type { IdentifiedNetns } from '../../domain/ports/link-kernel.ts';
import type { PodWiringKernel } from '../../domain/ports/pod-wiring-kernel.ts';
import type { PodWiring } from '../../domain/primary/pod-wiring.ts';
import type { NetnsDescriptor } from './enter-netns.ts';
import { enteredBy } from './node-kernel.ts';
import type { NetlinkThread } from './thread.ts';

/** Some twenty requests, and others may hold the kernel's lock on links meanwhile. */
const TIMEOUT_MS = 10_000;

/** @param host the node's namespace, opened by the netlink kernel; absent: that of this process */
export function createPodWiringKernel(thread: NetlinkThread, host?: IdentifiedNetns): PodWiringKernel {
  const node = host === undefined ? undefined : enteredBy(host).descriptor;
  return {
    wire: (netns, wiring) => {
      const { descriptor, signal } = enteredBy(netns);
      const args = [wiring, node] as const;
      return thread.call({ operation: 'wirePod', args: [...args], netns: descriptor, signal, timeoutMs: TIMEOUT_MS });
    },
    check: (netns, wiring) => {
      const { descriptor, signal } = enteredBy(netns);
      const args: [PodWiring, NetnsDescriptor?] = node === undefined ? [wiring] : [wiring, node];
      return thread.call({ operation: 'checkPod', args, netns: descriptor, signal, timeoutMs: TIMEOUT_MS });
    },
    unwire: (wiring, signal) =>
      thread.call({
        ...{ operation: 'unwirePod' as const, args: [wiring], signal, timeoutMs: TIMEOUT_MS },
        ...(node === undefined ? {} : { netns: node }),
      }),
  };
}
