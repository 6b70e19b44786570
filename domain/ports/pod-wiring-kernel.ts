/** The node's kernel, as far as it connects pods to their node. */
import type { PodWiring } from '../primary/pod-wiring.ts';
import type { OpenNetns } from './link-kernel.ts';

export interface PodWiringKernel {
  /**
   * Makes everything as it is to be, whatever is there already; what was interrupted is completed.
   * Fails with LinkConflict (the interface's name is somebody else's in the pod), CommandFailed, KernelBusy, CommandTimedOut, SandboxGone.
   * @returns settings that could not be made, for people; the pod is connected all the same
   */
  wire(netns: OpenNetns, wiring: PodWiring): Promise<readonly string[]>;
  /**
   * Fails with CommandFailed, KernelBusy, CommandTimedOut, SandboxGone.
   * @returns what is not there any more, for people; nothing: the pod is connected as it was
   */
  check(netns: OpenNetns, wiring: PodWiring): Promise<readonly string[]>;
  /**
   * Removes both ends with everything on them; needs the node's namespace only.
   * Fails with CommandFailed, KernelBusy, CommandTimedOut.
   * @returns false: there was nothing of this sandbox
   */
  unwire(wiring: Pick<PodWiring, 'hostName' | 'alias'>, signal: AbortSignal): Promise<boolean>;
}
