/** What a node worker reads and writes in etcd; all reads are linearizable. Every call may fail with EtcdUnavailable or RecordInvalid. */
import type { NodeConfigsRecord } from '../cni/node-configs.ts';
import type { PodwireError } from '../failures.ts';
import type { NetworkRef } from '../network-selection.ts';
import type {
  AttachmentRecord,
  CniAttachmentRecord,
  CniResultRecord,
  ConvergedRecord,
  FailureRecord,
  Member,
  MeshRecord,
  SandboxRecord,
  Stored,
} from '../records.ts';
import type { WaitingPod } from './record-store.ts';

export interface MembersRead {
  readonly members: readonly Member[];
  /** False: there may be more, so that nothing may be removed because it is not among them. */
  readonly isWhole: boolean;
}

/** What is recorded of a node, read in one moment. */
export interface NodeRecords {
  readonly attachments: readonly Stored<AttachmentRecord>[];
  /** Those of the exec backend in pods of this node. */
  readonly byExec: readonly Stored<AttachmentRecord>[];
  /** As `listTombstones` has them. */
  readonly tombstones: readonly Stored<AttachmentRecord>[];
  /** False while what was attached before the store was lost is still being written back: a missing record says nothing then. */
  readonly isWhole: boolean;
}

export interface AttachmentId {
  readonly node: string;
  readonly podUid: string;
  readonly sandboxId: string;
  readonly interfaceName: string;
}

export interface NodeStore {
  readAttachment(id: AttachmentId): Promise<Stored<AttachmentRecord> | undefined>;
  listNodeAttachments(node: string): Promise<readonly Stored<AttachmentRecord>[]>;
  listPodAttachments(node: string, podUid: string): Promise<readonly Stored<AttachmentRecord>[]>;
  /** What ADD printed for this attachment, if it is of this generation or an older one. */
  readCniResult(id: AttachmentId): Promise<CniResultRecord | undefined>;
  /** Goes with the attachment record when that is forgotten. */
  putCniResult(id: AttachmentId, result: CniResultRecord): Promise<void>;
  /** Why steps of these pods' attachments keep failing, and what of them differs for good. */
  listFailures(podUids: readonly string[]): Promise<readonly (FailureRecord & { readonly podUid: string })[]>;
  /** Who is in a network, and whether that is all of them, read in one moment. */
  readMembers(network: NetworkRef): Promise<MembersRead>;
  /** One read for a look at a whole node. */
  readNode(node: string): Promise<NodeRecords>;
  /** Writes an attachment back with what its ADD printed, if nothing is recorded of it. False: something is. */
  restoreAttachment(record: CniAttachmentRecord, result: CniResultRecord): Promise<boolean>;
  /** Whether this life of the store has what this node's journal says. */
  isRestored(node: string): Promise<boolean>;
  /** Says that this node's journal has been written back. */
  putRestored(node: string): Promise<void>;
  readMesh(network: NetworkRef): Promise<Stored<MeshRecord> | undefined>;
  /**
   * Takes a node that has caught up out of those that are behind.
   * @param write `recordedAt` of the record as it was before the node read the members; one that a mesh run wrote since stays as it is
   */
  caughtUp(network: NetworkRef, node: string, write: string): Promise<void>;
  /**
   * Of those of these pods that have one, by their UIDs.
   * @param onUnreadable gets those that are left out because they cannot be read; without it one such fails the call
   */
  readConverged(
    podUids: readonly string[],
    onUnreadable?: (podUid: string, why: PodwireError) => void,
  ): Promise<ReadonlyMap<string, ConvergedRecord>>;
  listSandboxes(node: string): Promise<readonly SandboxRecord[]>;
  putSandbox(node: string, sandbox: SandboxRecord): Promise<void>;
  removeSandbox(node: string, podUid: string): Promise<void>;
  /** Says that the node has a worker: who asks for all nodes gets it. @param lookedAt when the worker last looked at it, ISO 8601 */
  putNode(node: string, lookedAt?: string): Promise<void>;
  /** Undefined: this node offers no configurations. */
  putNodeConfigs(node: string, record: NodeConfigsRecord | undefined): Promise<void>;
  /** Pods that were refused for a file of this node that is there now, or another one now; until they are tried again. */
  listWaitingForConfigs(node: string): Promise<readonly WaitingPod[]>;
  /** Attachment records of this node whose node object was gone for long (ADR 32), stored under `tombstonesPrefix(node)`. */
  listTombstones(node: string): Promise<readonly Stored<AttachmentRecord>[]>;
  /** Removes one record if it still has that mod-revision. */
  removeTombstone(tombstone: Stored<AttachmentRecord>): Promise<void>;
}
