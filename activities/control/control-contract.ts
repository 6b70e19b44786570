/** Contract of the orchestrator's local activities: who is meant and what is expected go in, little comes out. Types only. */
import type { BlockedOn } from '../../domain/plan/blocked-on.ts';
import type { IntentRequest } from '../../domain/plan/intent-request.ts';
import type { PodNetworkInput } from '../../domain/messages.ts';
import type { NetworkRef } from '../../domain/network-selection.ts';
import type { Observation } from '../../domain/plan/observation.ts';
import type { PodIdentity } from '../../domain/pod/pod-view.ts';
import type { AttachmentOwner, LinkResult, StepFailure } from '../../domain/records.ts';

/** Names one attachment record, and the write of it that the caller saw; empty where any write will do. */
export interface RecordInput extends PodIdentity {
  readonly node: string;
  readonly sandboxId: string;
  readonly interfaceName: string;
  readonly modRevision: string;
}

export interface IntentInput extends PodIdentity, IntentRequest {}

export type IntentResult =
  | ({
      readonly kind: 'recorded';
      readonly generation: number;
      readonly modRevision: string;
      /** What a refusal of this attach is to wait for. */
    } & BlockedOn)
  | ({ readonly kind: 'refused'; readonly code: string; readonly message: string } & BlockedOn)
  | { readonly kind: 'stale'; readonly reason: string };

interface Token {
  readonly generation: number;
  readonly modRevision: string;
}

export interface RemovalToken extends Token {
  /** The network that the interface leaves. Undefined: the interface was never attached, and nobody is told of its removal. */
  readonly attachedTo?: NetworkRef;
}

export interface PublishInput extends PodIdentity {
  /** Interfaces that this run attached, for the events. */
  readonly attached: readonly { readonly interfaceName: string; readonly network: NetworkRef }[];
  readonly detached: readonly {
    readonly interfaceName: string;
    readonly network: NetworkRef;
    /** The record's revision when its removal began. A generation would not do: generations begin anew with each record. */
    readonly revision: string;
  }[];
  /** What stays in the pod although its interface has been removed. */
  readonly left?: readonly {
    readonly interfaceName: string;
    readonly warning: StepFailure;
    /** As in `detached`. */
    readonly revision: string;
  }[];
  /** Inputs to write the converged record with afterwards, as `writeMark` does. */
  readonly thenMark?: string;
}

export interface ResultInput extends RecordInput {
  readonly result: LinkResult;
}

export interface ForgetInput extends RecordInput {
  /** The network's mesh run has not been told yet that a member left: `forgetAttachment` tells it. */
  readonly tellsMesh: boolean;
}

/** The first step of the plan that follows from an observation, taken together with the observation. */
export type Begun =
  | {
      readonly kind: 'intent';
      readonly interfaceName: string;
      readonly sandboxId: string;
      readonly result: IntentResult;
    }
  | {
      readonly kind: 'removal';
      readonly interfaceName: string;
      readonly sandboxId: string;
      readonly node: string;
      /** As `beginRemoval` answers. */
      readonly token?: RemovalToken;
    };

export interface Beginning {
  readonly observation: Observation;
  /** Undefined: nothing was begun. */
  readonly begun?: Begun;
}

/** The last step of a run's only task, to be taken together with the last status. */
export type LastStep =
  { readonly kind: 'result'; readonly input: ResultInput } | { readonly kind: 'forget'; readonly input: ForgetInput };

type Settled =
  /** Somebody else wrote the record; no status was published. */
  | { readonly outcome: 'stale' }
  /** The step is done, but the status could not be written. */
  | { readonly outcome: 'unpublished' }
  /** `marked` as `publishStatus` answers. */
  | { readonly outcome: 'published'; readonly marked: boolean };

export interface RefusalInput extends PodIdentity, BlockedOn {
  readonly inputsHash: string;
  readonly interfaceName: string;
  readonly network: NetworkRef;
  readonly failure: StepFailure;
}

/** Each does one thing. */
export interface ControlSteps {
  /** Deletes the converged record, then reads the pod, the pod's desired networks and the pod's records. */
  observePod(input: PodNetworkInput): Promise<Observation>;
  /** Finds the desired network again and writes its intent, and reserves its VNI, before anything is done on the host. */
  recordIntent(input: IntentInput): Promise<IntentResult>;
  /**
   * Writes the intent of what was attached before an edit (ADR 18). The attachment stays in its mesh. Undefined: nothing was attached before.
   */
  takeBackIntent(input: RecordInput): Promise<Token | undefined>;
  /** Writes `attached`, what the kernel showed, and the membership; then tells the network's mesh run. False: somebody else wrote the record. */
  recordResult(input: ResultInput): Promise<boolean>;
  /** Writes why a step keeps failing, for the status. */
  recordFailure(
    input: PodIdentity & { readonly interfaceName: string; readonly generation: number; readonly failure: StepFailure },
  ): Promise<void>;
  /** Writes `removing` with a new generation, and removes the attachment from its mesh. Undefined: the record is gone. */
  beginRemoval(input: RecordInput): Promise<RemovalToken | undefined>;
  /** Tells the network's mesh run that a member left. */
  leaveMesh(network: NetworkRef): Promise<void>;
  /** Deletes the record when nothing of it is left on the host, and frees the VNI that nobody uses any more. False: the record changed. */
  forgetAttachment(input: ForgetInput): Promise<boolean>;
  recordRefusal(input: RefusalInput): Promise<void>;
  /** Forgets earlier refusals, because a person asked to try again. */
  clearRefusals(input: PodIdentity): Promise<void>;
  /** Writes the status annotation and events: from the records of now, and the inputs of now or of the last observation, 5 s ago at most. False: the converged record was asked for, and the pod's inputs have changed. */
  publishStatus(input: PublishInput): Promise<boolean>;
  /** Writes the converged record. False: the pod's inputs have changed, and no converged record was written. */
  writeMark(input: PodIdentity & { readonly inputsHash: string }): Promise<boolean>;
  /** Whether the Node object exists, and after how long a second look is due (ADR 32). */
  readNode(input: { readonly node: string }): Promise<{ exists: boolean; lookAgainAfterSeconds: number }>;
  /** Makes a tombstone of the record of a node that is surely gone. False: the record changed. */
  entombAttachment(input: RecordInput): Promise<boolean>;
  /** Nodes with members of a network. */
  listMeshNodes(network: NetworkRef): Promise<readonly string[]>;
  recordMesh(input: NetworkRef & { readonly behind: readonly string[] }): Promise<void>;
}

/** Two steps that follow one another, as one local activity: an activity costs a run more than most of the steps do (ADR 16). */
export interface CombinedSteps {
  /** `observePod`, then what the plan begins with: `recordIntent` or `beginRemoval`. */
  observeAndBegin(input: PodNetworkInput & { readonly owner: AttachmentOwner }): Promise<Beginning>;
  /** `recordResult` or `forgetAttachment`, then `publishStatus`. */
  settle(input: PublishInput & { readonly last: LastStep }): Promise<Settled>;
}

export type ControlActivities = ControlSteps & CombinedSteps;
