/**
 * The node worker's contract: inputs and results of its activities. Public.
 *
 * An input is identity plus expected generation. Everything else (paths, addresses, VNIs, peers) the node reads itself, from
 * the CRI and from etcd. This file has types only, so that workflows can import it.
 */
import type { InspectActivities } from '../../domain/ports/inspect-pod.ts';
import type { NetworkRef } from '../../domain/network-selection.ts';
import type { SoughtPod } from '../../domain/pod/static-pods.ts';
import type { LinkResult, NetnsIdentity, StepFailure } from '../../domain/records.ts';

export type LookupSandboxInput = SoughtPod;

export interface LookupSandboxResult {
  readonly sandboxId: string;
  readonly bootId: string;
  readonly netns: NetnsIdentity;
  /** As the runtime reports them, primary first. */
  readonly podIPs: readonly string[];
}

/** Names one attachment record, and which write of it the caller saw. */
export interface LinkInput {
  readonly node: string;
  readonly podUid: string;
  readonly sandboxId: string;
  readonly interfaceName: string;
  readonly generation: number;
  /** Fencing token: etcd's mod-revision of the attachment record, decimal text. */
  readonly modRevision: string;
}

/**
 * `removed`: our link is gone now. `released`: an adopted link stays, without our alias. `absent`: there was none.
 * `foreign`: the link of that name is not ours and was not touched. `sandbox-gone`: the netns is gone, and the link with it.
 */
type DeleteOutcome = 'removed' | 'released' | 'absent' | 'foreign' | 'sandbox-gone';

export interface DeleteLinkInput extends LinkInput {
  /** Undo of a failed attach: an adopted link is given back instead of removed (ADR 30). */
  readonly unadopt?: boolean;
}

export interface DeleteLinkResult {
  readonly outcome: DeleteOutcome;
  /** What stays in the pod all the same; told to its owner. */
  readonly warning?: StepFailure;
}

/** An attachment of another runtime. */
export interface TakeOverInput extends SoughtPod {
  readonly node: string;
  readonly sandboxId: string;
  readonly interfaceName: string;
  readonly network: NetworkRef;
}

/** `recorded`: it was podwire's already, or something else is by now. */
export interface TakeOverResult {
  readonly outcome: 'taken' | 'recorded';
}

export interface SyncFdbInput {
  readonly scope: string;
  readonly name: string;
  /** For the exec backend, which serves them all: whose members (domain/target.ts). */
  readonly place?: string;
}

export interface SyncFdbResult {
  /** Network namespaces of this node that were brought up to date (also those where nothing differed). */
  readonly netns: number;
  readonly written: number;
  readonly removed: number;
  /** Exec backend: pods that do not answer; they are brought up to date when they do. */
  readonly behind?: number;
}

export interface OpenGateInput extends SoughtPod {
  readonly node: string;
  /** Instance of the agent init container that is to end, as the API names it: another one is none of this task's. */
  readonly containerId: string;
}

/** `gone`: that instance does not run any more. */
export interface OpenGateResult {
  readonly outcome: 'opened' | 'gone';
}

/**
 * What a node worker serves on `podwire-node-<node>`. Failures arrive as ApplicationFailure whose type is a FailureCode;
 * terminal and stale ones are not retryable.
 */
export interface NodeActivities extends InspectActivities {
  /**
   * Finds the Ready sandbox of a pod, waiting up to 10 s for one that is starting, and publishes it in etcd.
   * Fails with HostNetwork, SandboxNotReady, NetnsRefused, CriUnavailable, EtcdUnavailable.
   */
  lookupSandbox(input: LookupSandboxInput): Promise<LookupSandboxResult>;
  /**
   * Makes the record's link be there once, with the record's properties and the mesh's FDB entries; returns what the kernel shows.
   * Fails with Fenced, SandboxGone, SandboxChanged, SandboxBusy, NetnsRefused, LinkConflict, VniInUse, ParentMissing, InvalidLink,
   * KernelBusy, CommandFailed, CommandTimedOut, CriUnavailable, EtcdUnavailable.
   */
  ensureVxlanLink(input: LinkInput): Promise<LinkResult>;
  /** Removes what the record's attach made; absent is success. The record must be in phase `removing`. */
  deleteVxlanLink(input: DeleteLinkInput): Promise<DeleteLinkResult>;
  /**
   * Runs the record's CNI plugins so that the interface is there once; deletes first what an earlier attempt began.
   * Fails with Fenced, SandboxGone, SandboxChanged, SandboxBusy, NetnsRefused, InterfaceConflict, CniConfigInvalid, CniPluginMissing,
   * CniTryAgain, CniFailed, CniOutputInvalid, CniResultTooBig, CommandTimedOut, CriUnavailable, EtcdUnavailable.
   */
  cniAdd(input: LinkInput): Promise<LinkResult>;
  /** Runs DEL with the configuration of the record's ADD; success when nothing was begun. The record must be in phase `removing`. */
  cniDelete(input: DeleteLinkInput): Promise<DeleteLinkResult>;
  /**
   * Records what Multus attached as podwire's own, with what Multus keeps of it; nothing of it is changed.
   * Fails with ForeignKept, SandboxGone, SandboxBusy, NetnsRefused, CriUnavailable, EtcdUnavailable.
   */
  takeOverForeign(input: TakeOverInput): Promise<TakeOverResult>;
  /** Brings the FDBs of all local members of a network in line with its membership. */
  syncFdb(input: SyncFdbInput): Promise<SyncFdbResult>;
  /**
   * Ends the agent init container, so that the pod's start goes on.
   * Fails with GateShut, SandboxGone, CriUnavailable, ApiUnavailable, ExecUnavailable.
   */
  openGate(input: OpenGateInput): Promise<OpenGateResult>;
}
