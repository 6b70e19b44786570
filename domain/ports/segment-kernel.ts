/** Networks of mode node in the kernel of one node. Calls for one network come one at a time: its device and bridge are shared (ADR 65). */
import type { SegmentNames, SegmentPlan, SegmentPort } from '../node-mode/segment.ts';
import type { OpenNetns } from './link-kernel.ts';

export interface SegmentChanges {
  /** Entries and neighbours, one request each. */
  readonly written: number;
  readonly removed: number;
  /** Addresses whose MAC is another one from now on: pods that have asked for it know the one before. */
  readonly moved: readonly string[];
}

export interface AttachedPort {
  readonly ifindex: number;
  /** Settings that the kernel or a mount refused, for people. */
  readonly refused: readonly string[];
}

/** Every method fails with CommandFailed, KernelBusy, CommandTimedOut; those with a plan also with LinkConflict and InvalidLink. */
export interface SegmentKernel {
  /** Makes the port and whatever it needs, or completes what an earlier try began. Fails with SandboxGone besides. */
  attach(netns: OpenNetns, plan: SegmentPlan, port: SegmentPort): Promise<AttachedPort>;
  /** `absent`: no member's port is here, and nothing is left. */
  sync(plan: SegmentPlan, signal: AbortSignal): Promise<SegmentChanges | 'absent'>;
  /** @returns whether there was such a port */
  detach(names: SegmentNames, port: Pick<SegmentPort, 'hostName' | 'alias'>, signal: AbortSignal): Promise<boolean>;
}
