/** podwire's memory, in terms of its records. Every method throws `PodwireError('EtcdUnavailable')` when etcd does not answer. */
import type { Freed } from '../plan/blocked-on.ts';
import type { SharedIdentity } from '../cni/identities.ts';
import type { NodeConfigsRecord } from '../cni/node-configs.ts';
import type { NetworkRef } from '../network-selection.ts';
import type { PodIdentity } from '../pod/pod-view.ts';
import type {
  AttachmentRecord,
  ConvergedRecord,
  FailureRecord,
  LinkResult,
  Member,
  MemberRecord,
  MeshRecord,
  RecordedRefusal,
  RefusalRecord,
  SandboxRecord,
  Stored,
} from '../records.ts';

export type IntentOutcome =
  | { readonly kind: 'recorded'; readonly stored: Stored<AttachmentRecord> }
  /** Somebody wrote the record in between; read again. */
  | { readonly kind: 'raced' }
  /** The store was begun anew, and it is not known yet who has what this one asks for. */
  | { readonly kind: 'rebuilding' }
  | { readonly kind: 'vni-taken'; /** `<port>/<vni>` */ readonly tunnel: string; readonly owner: string }
  /** @see addressHolder in address-claims.ts */
  | { readonly kind: 'address-taken'; readonly address: string; readonly holder: string }
  /** Both `<port>/<vni>`. */
  | { readonly kind: 'vni-fixed'; readonly tunnel: string; readonly inUse: string };

export interface PodRecords {
  readonly attachments: readonly Stored<AttachmentRecord>[];
  /** As its node published it. */
  readonly sandbox: SandboxRecord | undefined;
  readonly refusals: readonly RecordedRefusal[];
  /** Why steps keep failing. */
  readonly failures: readonly FailureRecord[];
  /** podwire is to be out of the cluster: no pod asks for anything. */
  readonly tornDown: boolean;
  /** Everything attached is recorded: without it a missing record says nothing (ADR 26). */
  readonly isWhole: boolean;
}

/** A pod that was refused for what is otherwise by now. */
export interface WaitingPod extends PodIdentity {
  /** To try it again. */
  readonly reason: string;
}

export interface RecordStore {
  readonly putConverged: (podUid: string, converged: ConvergedRecord) => Promise<void>;

  /** What is recorded of a pod, by one call when all of it is where it is expected. @param node where; empty: unknown */
  readonly pod: (podUid: string, node: string) => Promise<PodRecords>;
  /** The same, and deletes the pod's converged record with it; an absent one is fine. */
  readonly podUnmarked: (podUid: string, node: string) => Promise<PodRecords>;
  readonly attachment: (key: string) => Promise<Stored<AttachmentRecord> | undefined>;
  readonly sandbox: (node: string, podUid: string) => Promise<SandboxRecord | undefined>;
  /** Configurations in files of a node; undefined: it offers none. */
  readonly nodeConfigs: (node: string) => Promise<NodeConfigsRecord | undefined>;

  readonly putRefusal: (podUid: string, refusal: RefusalRecord) => Promise<void>;
  readonly deleteRefusals: (podUid: string) => Promise<void>;
  /** Unless it was written again since it was read. */
  readonly deleteRefusal: (podUid: string, refusal: RecordedRefusal) => Promise<void>;

  /**
   * Writes an intent, reserving its VNI, in one transaction. `previous` is the record it replaces; without one the key must be absent.
   * @param isClaimed the pod is known to have had this tunnel: it need not wait until the store is whole again
   */
  readonly recordIntent: (
    record: AttachmentRecord,
    previous?: Stored<AttachmentRecord>,
    isClaimed?: boolean,
  ) => Promise<IntentOutcome>;
  /**
   * The intent of what was attached before an edit, with a new generation; it stays in the mesh. What the edit reserved stays reserved
   * until the result is recorded. undefined: changed by somebody else, or there is nothing to go back to.
   */
  readonly takeBackIntent: (stored: Stored<AttachmentRecord>) => Promise<Stored<AttachmentRecord> | undefined>;
  /**
   * `attached` with its result, and the membership if it has one, in one transaction. Answers what another pod had before of what a CNI
   * attachment has; undefined: the record was changed by somebody else.
   */
  readonly recordResult: (
    stored: Stored<AttachmentRecord>,
    result: LinkResult,
    member: MemberRecord | undefined,
  ) => Promise<readonly SharedIdentity[] | undefined>;
  /** `removing` with a new generation, and out of the mesh, in one transaction; undefined: changed by somebody else. */
  readonly beginRemoval: (stored: Stored<AttachmentRecord>) => Promise<Stored<AttachmentRecord> | undefined>;
  /** Back to `intent` with a new generation, so that it is made anew; it stays in the mesh. undefined: changed by somebody else. */
  readonly beginRepair: (stored: Stored<AttachmentRecord>) => Promise<Stored<AttachmentRecord> | undefined>;
  /** Notes why a step keeps failing; forgotten with the next result or removal. */
  readonly putFailure: (podUid: string, failure: FailureRecord) => Promise<void>;
  /** Forgets that drift remains, if that is what is noted of the interface. */
  readonly deleteRemainingDrift: (podUid: string, interfaceName: string) => Promise<void>;
  readonly deleteFailures: (podUid: string) => Promise<void>;
  /**
   * Forgets an attachment after its last undo, and frees its network's VNI when nobody else uses it, in one transaction.
   * False: the record was changed by somebody else.
   */
  readonly forget: (stored: Stored<AttachmentRecord>) => Promise<boolean>;
  /** Key of the network that has a tunnel (`port/id`); undefined: it is free. */
  readonly tunnelOwner: (tunnel: string) => Promise<string | undefined>;
  /** Whether another pod keeps this one from a tunnel (`port/id`) of its network: it uses another one, and does not wait for the same. */
  readonly isHeldBack: (network: NetworkRef, podUid: string, tunnel: string) => Promise<boolean>;
  /** Who has an address of a VXLAN network, as `addressHolder` of address-claims.ts has it; undefined: it is free. */
  readonly addressHolder: (network: NetworkRef, address: string) => Promise<string | undefined>;
  /**
   * Pods that were refused for what is otherwise by now: another network had the VNI, other pods of theirs another one, another pod the
   * address, a file of the node could not be used. Their refusals stay: the pod's next observation or intent forgets them. @param freed what may be awaited; absent: anything
   */
  readonly outdatedRefusals: (freed?: Freed) => Promise<readonly WaitingPod[]>;

  /** What a finished CNI attachment has that another pod had before, as `recordResult` answered. */
  readonly sharedIdentities: (record: AttachmentRecord) => Promise<readonly SharedIdentity[]>;

  readonly members: (network: NetworkRef) => Promise<Member[]>;
  /** Names of the members of the mesh between nodes. */
  readonly nodeMembers: () => Promise<readonly string[]>;
  /** Undefined also when it cannot be read: nothing depends on it. */
  readonly mesh: (network: NetworkRef) => Promise<MeshRecord | undefined>;
  /** Undefined: there is no mesh any more. */
  readonly putMesh: (network: NetworkRef, mesh: MeshRecord | undefined) => Promise<void>;

  /** Like `forget`, but keeps what a node that is surely gone still owns, out of the way of a pod of the same UID. */
  readonly entomb: (stored: Stored<AttachmentRecord>) => Promise<boolean>;
}
