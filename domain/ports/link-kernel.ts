/** The kernel of one node, as far as links in network namespaces go. */
import type { FdbChange, FdbEntry } from '../forwarding/fdb.ts';
import type { HostEnd, NetnsView } from '../vxlan/link-observation.ts';
import type { Neighbour, NeighbourChange } from '../forwarding/neighbours.ts';
import type { NetnsIdentity } from '../records.ts';
import type { SeenSenders, SendersChange } from '../forwarding/senders.ts';
import type { InspectQuestion } from './inspect-pod.ts';
import type { PortRange } from '../vxlan/vxlan.ts';

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
      /** Absent: the kernel makes one up. */
      readonly mac?: string;
    }
  /** An empty alias removes it. */
  | { readonly op: 'set-alias'; readonly name: string; readonly alias: string }
  | { readonly op: 'set-mac'; readonly name: string; readonly mac: string }
  | { readonly op: 'set-mtu'; readonly name: string; readonly mtu: number }
  | { readonly op: 'set-nolearning'; readonly name: string }
  | { readonly op: 'rename'; readonly name: string; readonly to: string }
  | { readonly op: 'set-up'; readonly name: string }
  | { readonly op: 'set-down'; readonly name: string }
  | { readonly op: 'add-address'; readonly name: string; readonly cidr: string }
  | { readonly op: 'remove-address'; readonly name: string; readonly cidr: string }
  | { readonly op: 'add-route'; readonly name: string; readonly destination: string; readonly gateway: string }
  | { readonly op: 'remove-route'; readonly name: string; readonly destination: string; readonly gateway: string }
  /** A default route before the one there is, which comes into its own again when this one or the link goes. */
  | { readonly op: 'prefer-default'; readonly name: string; readonly gateway: string }
  | { readonly op: 'unprefer-default'; readonly name: string; readonly gateway: string }
  /** A default route through the link, whoever made it: by its gateway, or that of IPv4 with or without one. */
  | { readonly op: 'drop-default'; readonly name: string; readonly gateway?: string }
  /** Tells the neighbours of an IPv4 address of the link, three times a second apart. Nobody has to hear it: never fails. */
  | { readonly op: 'announce'; readonly name: string; readonly address: string }
  /**
   * Tells them of all addresses of the link, where `announceItself` was done. The kernel forgets the link's neighbours by it, static ones
   * too. Nobody has to hear it: never fails.
   */
  | { readonly op: 'announce-all'; readonly name: string; readonly mac: string }
  | { readonly op: 'remove-link'; readonly name: string };

/** A way into a pod's network namespace that was verified; where it leads to does not change any more. */
export interface OpenNetns {
  /** Harmless when done twice. */
  close(): Promise<void>;
}

/** Open by a descriptor: everything goes through it, whatever happens to its path. */
export interface IdentifiedNetns extends OpenNetns {
  readonly identity: NetnsIdentity;
}

export type ForwardingOutcome = 'applied' | 'link-absent';

/** A change of one link of one netns. */
export interface LinkChange<T> {
  readonly netns: OpenNetns;
  readonly link: string;
  readonly change: T;
}

/** The kernel behind an open netns, however that was opened. */
export interface NetnsKernel {
  observe(netns: OpenNetns): Promise<NetnsView>;
  /**
   * Runs the commands in order and stops at the first that fails; what is already so counts as done. With `thenObserve` the
   * same process reads back.
   * Fails with VniInUse, ParentMissing, LinkConflict, InvalidLink, KernelBusy, CommandFailed, CommandTimedOut.
   */
  execute(netns: OpenNetns, commands: readonly LinkCommand[], thenObserve: true): Promise<NetnsView>;
  execute(netns: OpenNetns, commands: readonly LinkCommand[]): Promise<undefined>;
  /**
   * Makes a link that is not up yet deaf to IPv6 router advertisements; without IPv6 there is nothing to do.
   * Returns why it hears them all the same, where nothing that this kernel is reached with may change that; undefined: it is deaf.
   */
  ignoreRouterAdvertisements(netns: OpenNetns, link: string): Promise<string | undefined>;
  /** Which of these gateways no route reaches directly through the link: the kernel takes none of them for a route. */
  notOnLink(netns: OpenNetns, link: string, gateways: readonly string[]): Promise<readonly string[]>;
  /**
   * Has the kernel tell a link's neighbours of its addresses when it comes up or gets another MAC, from now on. Where nothing that this
   * kernel is reached with may change that, it stays as it was. Part of `ignoreRouterAdvertisements` as well.
   */
  announceItself(netns: OpenNetns, link: string): Promise<void>;
  /** Permanent forwarding entries of a VXLAN link; undefined when there is no such link. */
  readFdb(netns: OpenNetns, link: string): Promise<readonly FdbEntry[] | undefined>;
  /**
   * One process per netns, a few at once; entries that are already so count as done. Outcomes in the order of the changes;
   * a link that fails does not stop the others.
   */
  changeFdbs(changes: readonly LinkChange<FdbChange>[]): Promise<PromiseSettledResult<ForwardingOutcome>[]>;
  /** Static neighbours that podwire made on a link; undefined when there is no such link. */
  readNeighbours(netns: OpenNetns, link: string): Promise<readonly Neighbour[] | undefined>;
  /** As `changeFdbs`. */
  changeNeighbours(changes: readonly LinkChange<NeighbourChange>[]): Promise<PromiseSettledResult<ForwardingOutcome>[]>;
  /**
   * As `changeFdbs`: the kernel forgets what it learned of these neighbours of a link, and asks anew when something is sent to them. Static
   * ones stay.
   */
  forgetNeighbours(
    changes: readonly LinkChange<readonly string[]>[],
  ): Promise<PromiseSettledResult<ForwardingOutcome>[]>;
  /** From whom the VXLAN link of an interface takes packets, whatever the link is called while it is made. */
  readSenders(netns: OpenNetns, interfaceName: string): Promise<SeenSenders>;
  /** As `changeFdbs`; `link` is the interface's name, and the link need not be there. Each change is done as a whole or not at all. */
  changeSenders(changes: readonly LinkChange<SendersChange>[]): Promise<PromiseSettledResult<ForwardingOutcome>[]>;
  /**
   * What the kernel says about links, in iproute2's words: for people, never to be parsed by podwire. One answer for each question, in
   * their order; undefined: there is no link of that name.
   */
  print(netns: OpenNetns, questions: readonly InspectQuestion[]): Promise<readonly (string | undefined)[]>;
}

/** What keeps a device's forwarding: entries, neighbours, and who may send. */
export type ForwardingKernel = Pick<
  NetnsKernel,
  | 'readFdb'
  | 'changeFdbs'
  | 'readNeighbours'
  | 'changeNeighbours'
  | 'forgetNeighbours'
  | 'readSenders'
  | 'changeSenders'
>;

/** A node's own kernel. */
export interface LinkKernel extends NetnsKernel {
  /**
   * Opens a netns for one operation; `signal` ends the children of everything done with the handle.
   * Fails with NetnsRefused (outside the allowed roots, no netns, the host's own) and SandboxGone (no such file).
   * @param pid of a process that lives in it, where one is known
   */
  open(path: string, signal: AbortSignal, pid?: number): Promise<IdentifiedNetns>;
  /** By their paths below /proc/sys; without those that are not there or cannot be read. Fails with CommandFailed, CommandTimedOut. */
  readSysctls(netns: IdentifiedNetns, paths: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** What cannot be written stays as it is. Fails with CommandFailed, CommandTimedOut: then nobody knows. */
  writeSysctls(netns: IdentifiedNetns, values: ReadonlyMap<string, string>): Promise<void>;
  /** Whether there is no link of that name, where that can be told at once; false: `observe`. */
  surelyLacks(netns: IdentifiedNetns, link: string): boolean;
  /** Of the namespace that the plugins work in. Fails with CommandFailed, CommandTimedOut. */
  hostEnds(signal: AbortSignal): Promise<readonly HostEnd[]>;
}
