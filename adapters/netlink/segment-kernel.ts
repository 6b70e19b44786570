/** Networks of mode node on this node, through the thread that speaks netlink. */
import type { IdentifiedNetns } from '../../domain/ports/link-kernel.ts';
import type { SegmentKernel } from '../../domain/ports/segment-kernel.ts';
import type { NetnsDescriptor } from './enter-netns.ts';
import { enteredBy } from './node-kernel.ts';
import type { NetlinkThread } from './thread.ts';
import type { Operations } from './thread-messages.ts';

/** Of an empty kernel some thousand requests, and others may hold its lock on links meanwhile. */
const TIMEOUT_MS = 15_000;

/** @param host the node's namespace, opened by the netlink kernel; absent: that of this process */
export function createSegmentKernel(thread: NetlinkThread, host?: IdentifiedNetns): SegmentKernel {
  const node: NetnsDescriptor | undefined = host === undefined ? undefined : enteredBy(host).descriptor;
  const there = { timeoutMs: TIMEOUT_MS, ...(node === undefined ? {} : { netns: node }) };
  return {
    attach: (netns, plan, port) => {
      const { descriptor, signal } = enteredBy(netns);
      const args: Parameters<Operations['attachPort']> = node === undefined ? [plan, port] : [plan, port, node];
      return thread.call({ operation: 'attachPort', args, netns: descriptor, signal, timeoutMs: TIMEOUT_MS });
    },
    sync: (plan, signal) => thread.call({ operation: 'syncSegment', args: [plan], signal, ...there }),
    detach: (names, port, signal) => thread.call({ operation: 'detachPort', args: [names, port], signal, ...there }),
  };
}
