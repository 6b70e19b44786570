/** The kernel of one node, as far as links in network namespaces go. */
import type { FdbChange, FdbEntry } from '../fdb.ts';
import type { NetnsView } from '../link-observation.ts';
import type { NetnsIdentity } from '../records.ts';
import type { PortRange } from '../vxlan.ts';

/** One line for the kernel. Values are parsed and written anew by the adapter; none is passed on as it came. */
export type LinkCommand =
  | {
      readonly op: 'add-vxlan';
      readonly name: string;
      readonly vni: number;
      readonly dstPort: number;
      readonly srcPorts?: PortRange;
      readonly parent: string;
      readonly mtu: number;
      /** Own tunnel address; given for IPv6 only, where it makes the device one of that family. */
      readonly local?: string;
    }
  /** An empty alias removes it. */
  | { readonly op: 'set-alias'; readonly name: string; readonly alias: string }
  | { readonly op: 'set-mtu'; readonly name: string; readonly mtu: number }
  | { readonly op: 'set-nolearning'; readonly name: string }
  | { readonly op: 'rename'; readonly name: string; readonly to: string }
  | { readonly op: 'set-up'; readonly name: string }
  | { readonly op: 'set-down'; readonly name: string }
  | { readonly op: 'add-address'; readonly name: string; readonly cidr: string }
  | { readonly op: 'remove-address'; readonly name: string; readonly cidr: string }
  | { readonly op: 'add-route'; readonly name: string; readonly destination: string; readonly gateway: string }
  | { readonly op: 'remove-route'; readonly name: string; readonly destination: string; readonly gateway: string }
  /** A default route before the one there is, which comes into its own again when this link goes. */
  | { readonly op: 'prefer-default'; readonly name: string; readonly gateway: string }
  | { readonly op: 'remove-link'; readonly name: string };

/** An open, verified network namespace: everything goes through this descriptor, whatever happens to its path. */
export interface OpenNetns {
  readonly identity: NetnsIdentity;
  /** Closes the descriptor; harmless when done twice. */
  close(): Promise<void>;
}

export type FdbOutcome = 'applied' | 'link-absent';

export interface LinkKernel {
  /**
   * Opens a netns for one operation; `signal` ends the children of everything done with the handle.
   * Fails with NetnsRefused (outside the allowed roots, no netns, the host's own) and SandboxGone (no such file).
   */
  open(path: string, signal: AbortSignal): Promise<OpenNetns>;
  observe(netns: OpenNetns): Promise<NetnsView>;
  /**
   * Runs the commands in order and stops at the first that fails; what is already so counts as done. With `thenObserve` the
   * same process reads back.
   * Fails with VniInUse, ParentMissing, LinkConflict, InvalidLink, KernelBusy, CommandFailed, CommandTimedOut.
   */
  execute(netns: OpenNetns, commands: readonly LinkCommand[], thenObserve: true): Promise<NetnsView>;
  execute(netns: OpenNetns, commands: readonly LinkCommand[]): Promise<undefined>;
  /** Makes a link that is not up yet deaf to IPv6 router advertisements; without IPv6 there is nothing to do. */
  ignoreRouterAdvertisements(netns: OpenNetns, link: string): Promise<void>;
  /** Permanent forwarding entries of a VXLAN link; undefined when there is no such link. */
  readFdb(netns: OpenNetns, link: string): Promise<readonly FdbEntry[] | undefined>;
  /** All changes in one process; entries that are already so count as done. */
  changeFdb(netns: OpenNetns, link: string, change: FdbChange): Promise<FdbOutcome>;
}
