/** What the netlink thread and its owner say to each other. Only plain data: it is copied from one thread to the other. */
import type { FailureCode } from '../../domain/failures.ts';
import type { FdbEntry } from '../../domain/forwarding/fdb.ts';
import type { Neighbour } from '../../domain/forwarding/neighbours.ts';
import type { SeenSenders, SendersChange } from '../../domain/forwarding/senders.ts';
import type { HostEnd, NetnsView } from '../../domain/vxlan/link-observation.ts';
import type { SegmentNames, SegmentPlan, SegmentPort } from '../../domain/node-mode/segment.ts';
import type { NodeFilter } from '../../domain/primary/node-filter.ts';
import type { MeshPlan } from '../../domain/primary/node-mesh.ts';
import type { MeshOutcome } from '../../domain/ports/node-mesh.ts';
import type { AttachedPort, SegmentChanges } from '../../domain/ports/segment-kernel.ts';
import type { PodWiring } from '../../domain/primary/pod-wiring.ts';
import type { InspectQuestion } from '../../domain/ports/inspect-pod.ts';
import type { ForwardingOutcome, LinkCommand } from '../../domain/ports/link-kernel.ts';
import type { ForwardingBatch } from './forwarding-batch.ts';
import type { NetnsDescriptor } from './enter-netns.ts';
import type { Changes } from './notice-pace.ts';
import type { SysctlRefused } from './operations/sysctls.ts';

/** Of each operation what it takes and what it answers. Most of them work in one network namespace. */
export interface Operations {
  observe(): NetnsView;
  execute(commands: readonly LinkCommand[], thenObserve: boolean): NetnsView | undefined;
  notOnLink(link: string, gateways: readonly string[]): readonly string[];
  readFdb(link: string): readonly FdbEntry[] | undefined;
  readNeighbours(link: string): readonly Neighbour[] | undefined;
  /** Forwarding entries or neighbours. */
  changeEntries(link: string, batch: ForwardingBatch): ForwardingOutcome;
  forgetNeighbours(link: string, addresses: readonly string[]): ForwardingOutcome;
  readSysctls(paths: readonly string[]): Map<string, string>;
  writeSysctls(values: ReadonlyMap<string, string>): readonly SysctlRefused[];
  readSenders(interfaceName: string): SeenSenders;
  /** `otherwise`: something else is there than the change begins with, and nothing was changed. */
  changeSenders(interfaceName: string, change: PlainSendersChange): 'applied' | 'otherwise';
  /** By a rule; why that cannot be. undefined: it is done. */
  dropAdvertisements(link: string): string | undefined;
  /** Why nf_tables cannot do here what `changeSenders` needs. */
  probeSenders(): string | undefined;
  hostEnds(): readonly HostEnd[];
  print(questions: readonly InspectQuestion[]): readonly (string | undefined)[];
  /** In the pod's namespace. @param host the node's; absent: that of the process. @returns settings that were refused */
  wirePod(wiring: PodWiring, host?: NetnsDescriptor): readonly string[];
  /** In the pod's namespace. @returns what is not there any more */
  checkPod(wiring: PodWiring, host?: NetnsDescriptor): readonly string[];
  /** In the node's namespace. */
  unwirePod(wiring: Pick<PodWiring, 'hostName' | 'alias'>): boolean;
  /** In the node's namespace. */
  ensureMesh(plan: MeshPlan): MeshOutcome;
  /** In the node's namespace. @returns as `nodeTable` */
  replaceNodeTable(filter: NodeFilter): string | undefined;
  /** What tells the table from another one of its name; undefined: there is none. */
  nodeTable(): string | undefined;
  /** In the pod's namespace. @param host the node's; absent: that of the process */
  attachPort(plan: SegmentPlan, port: SegmentPort, host?: NetnsDescriptor): AttachedPort;
  /** In the node's namespace. */
  syncSegment(plan: SegmentPlan): SegmentChanges | 'absent';
  /** In the node's namespace. */
  detachPort(names: SegmentNames, port: Pick<SegmentPort, 'hostName' | 'alias'>): boolean;
  /** Enters its own namespace and opens a socket: whether this thread may and this kernel can. */
  probe(): undefined;
  /** From now on changes that are not podwire's own are told under this key. */
  follow(key: string): undefined;
  unfollow(key: string): undefined;
  /** Until `letGo`, whatever changes in the followed namespace is podwire's own. */
  hold(key: string): undefined;
  letGo(key: string): undefined;
}

/** Without what cannot be copied. */
export type PlainSendersChange = OmitEach<SendersChange, 'whole'>;
type OmitEach<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

export type OperationName = keyof Operations;

export interface ThreadRequest {
  readonly id: number;
  readonly operation: OperationName;
  readonly args: readonly unknown[];
  /** Absent: the namespace of the process. */
  readonly netns?: NetnsDescriptor;
  /** One number, 0 until the request is given up: what was not begun by then is not begun any more. */
  readonly givenUp: Int32Array;
}

export type ThreadAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: { readonly code: FailureCode; readonly message: string } };

/** What the thread says unasked: something changed in a namespace that is followed. */
export interface ThreadNotice {
  readonly key: string;
  readonly changes: Changes;
}
