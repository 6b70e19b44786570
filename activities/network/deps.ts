/** What the node's activities work with; made by the worker. */
import type { Failpoints } from '../../domain/ports/failpoints.ts';
import type { LinkKernel, NetnsKernel, OpenNetns } from '../../domain/ports/link-kernel.ts';
import type { NodeStore } from '../../domain/ports/node-store.ts';
import type { InspectInput } from '../../domain/ports/inspect-pod.ts';
import type { SandboxRuntime } from '../../domain/ports/sandbox-runtime.ts';
import type { CniJournal } from '../../domain/ports/cni-journal.ts';
import type { ForeignCache } from '../../domain/ports/foreign-cache.ts';
import type { CniPolicy } from '../../domain/settings.ts';
import type { CniPlugins } from '../../domain/ports/cni-plugins.ts';
import type { AttachmentRecord, CniAttachmentRecord, VxlanAttachmentRecord } from '../../domain/records.ts';
import type { LockedDevice } from './forwarding/fdb-devices.ts';
import type { NodeMesh } from '../primary/node-mesh.ts';
import type { FdbSync } from './forwarding/fdb-sync.ts';
import type { GateContainer } from './gate.ts';
import type { LinkInput, OpenGateInput } from './network-contract.ts';
import type { NetworkLocks } from './cni/network-locks.ts';
import type { LinkAddresses } from './vxlan/link-addresses.ts';
import type { SandboxLocks } from './sandbox-locks.ts';

/** The way into the netns that a task is about, verified on the way. */
export interface NetnsResolver {
  /**
   * The record's netns, if it is still the one that the record was written for. The caller closes it.
   * @param record being read at the same time; its failure comes first
   * @throws PodwireError SandboxGone, SandboxChanged, HostNetwork, NetnsRefused, CriUnavailable, ApiUnavailable
   */
  open(task: LinkInput, record: Promise<AttachmentRecord>, signal: AbortSignal): Promise<OpenNetns>;
  /** undefined: the netns is gone or is somebody else's now, and the link went with it. */
  openIfThere(record: AttachmentRecord, signal: AbortSignal): Promise<OpenNetns | undefined>;
  /** A pod's netns as it is now, to look at only. @throws PodwireError SandboxGone */
  openToInspect(pod: InspectInput, signal: AbortSignal): Promise<OpenNetns>;
}

/** What making and removing links takes, with either backend. */
export interface LinkDeps {
  /** Whether tasks of this target are done here. */
  readonly serves: (target: string) => boolean;
  readonly store: Pick<NodeStore, 'readAttachment' | 'listNodeAttachments'>;
  readonly kernel: NetnsKernel;
  readonly netnsResolver: NetnsResolver;
  readonly failpoints: Failpoints;
  /** Name under which a pod's interface is made. */
  readonly temporaryName: (podUid: string, interfaceName: string) => string;
  /** Absent: pods of this backend have no addresses of pools. */
  readonly addresses?: LinkAddresses;
  /** One operation at a time per sandbox. */
  readonly sandboxLocks: SandboxLocks;
  readonly fdb: {
    /** Runs `work` with the record's device locked. */
    withDevice<T>(record: VxlanAttachmentRecord, work: (device: LockedDevice) => Promise<T>): Promise<T>;
  };
  /** The agent init container that a task is about. */
  readonly gateOf: (input: OpenGateInput, signal: AbortSignal) => GateContainer;
}

export interface NodeDeps extends LinkDeps {
  readonly node: string;
  readonly bootId: string;
  readonly store: NodeStore;
  readonly runtime: SandboxRuntime;
  readonly kernel: LinkKernel;
  readonly fdb: FdbSync;
}

/** What the CNI activities need besides. */
export interface CniDeps extends NodeDeps {
  readonly plugins: CniPlugins;
  readonly journal: CniJournal;
  /** What another runtime attached and podwire may take over. */
  readonly foreign: {
    readonly cache: ForeignCache;
    /** The administrator's. */
    readonly policy: CniPolicy;
  };
  /** The mesh between nodes; absent: the pods of this node have another network. */
  readonly nodeMesh?: Pick<NodeMesh, 'sync'> | undefined;
  /** GC never runs beside ADD or DEL of its network. */
  readonly networkLocks: NetworkLocks;
  /** The DEL after a failed ADD failed as well: told, and tried again with the next attempt. */
  readonly onUndoFailed: (record: CniAttachmentRecord, failure: unknown) => void;
}
