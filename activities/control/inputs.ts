/** Contract of the orchestrator's local activities: identity and expectation in, little out. Types only. */
import type { Awaited } from '../../domain/awaited.ts';
import type { IntentRequest } from '../../domain/intent-request.ts';
import type { PodNetworkInput } from '../../domain/messages.ts';
import type { NetworkRef } from '../../domain/network-selection.ts';
import type { Observation } from '../../domain/observation.ts';
import type { PodIdentity } from '../../domain/pod-view.ts';
import type { AttachmentOwner, LinkResult, StepFailure } from '../../domain/records.ts';

/** Names one attachment record and the write of it that the caller saw. */
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
    } & Awaited)
  | ({ readonly kind: 'refused'; readonly code: string; readonly message: string } & Awaited)
  | { readonly kind: 'stale'; readonly reason: string };

interface Token {
  readonly generation: number;
  readonly modRevision: string;
}

export interface RemovalToken extends Token {
  /** What the interface is taken from; undefined: it was never attached, and nobody has to be told that it goes. */
  readonly attachedTo?: NetworkRef;
}

export interface PublishInput extends PodIdentity {
  /** Interfaces that this run attached, for the events. */
  readonly attached: readonly { readonly interfaceName: string; readonly network: NetworkRef }[];
  readonly detached: readonly {
    readonly interfaceName: string;
    readonly network: NetworkRef;
    /** Of the record when its removal began: generations begin anew with a record. */
    readonly revision: string;
  }[];
  /** Of interfaces that are away: what stays in the pod all the same. */
  readonly left?: readonly {
    readonly interfaceName: string;
    readonly warning: StepFailure;
    /** As in `detached`. */
    readonly revision: string;
  }[];
  /** Inputs to write the converged mark with afterwards, as `writeMark` does. */
  readonly thenMark?: string;
}

export interface ResultInput extends RecordInput {
  readonly result: LinkResult;
}

export interface ForgetInput extends RecordInput {
  /** The network's mesh run has not been told yet that a member left. */
  readonly tellsMesh: boolean;
}

/** The first step of the plan that follows from an observation, taken at once. */
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

/** The last step of a run's only lane, to be taken before the status is published. */
export type LastStep =
  { readonly kind: 'result'; readonly input: ResultInput } | { readonly kind: 'forget'; readonly input: ForgetInput };

type Settled =
  /** Somebody else wrote the record; no status was published. */
  | { readonly outcome: 'stale' }
  /** The step is done, the status could not be written. */
  | { readonly outcome: 'unpublished' }
  /** `marked` as `publishStatus` answers. */
  | { readonly outcome: 'published'; readonly marked: boolean };

export interface RefusalInput extends PodIdentity, Awaited {
  readonly inputsHash: string;
  readonly interfaceName: string;
  readonly network: NetworkRef;
  readonly failure: StepFailure;
}

/** Each does one thing. */
export interface ControlSteps {
  /** Deletes the converged mark, then reads the pod, its wishes, its records. */
  observePod(input: PodNetworkInput): Promise<Observation>;
  /** Reads the wish again and writes the intent, with its VNI, before anything is done on the host. */
  recordIntent(input: IntentInput): Promise<IntentResult>;
  /**
   * Writes the intent of what was attached before an edit (ADR 18); the attachment stays in its mesh. Undefined: there is nothing to go back to.
   */
  takeBackIntent(input: RecordInput): Promise<Token | undefined>;
  /** Writes `attached`, what the kernel showed, and the membership; tells the network's mesh run. False: somebody else wrote the record. */
  recordResult(input: ResultInput): Promise<boolean>;
  /** Writes why a step keeps failing, for the status. */
  recordFailure(
    input: PodIdentity & { readonly interfaceName: string; readonly generation: number; readonly failure: StepFailure },
  ): Promise<void>;
  /** Moves the record to `removing` with a new generation and takes the attachment out of its mesh. Undefined: the record changed or is gone. */
  beginRemoval(input: RecordInput): Promise<RemovalToken | undefined>;
  /** Tells the network's mesh run that a member left. */
  leaveMesh(network: NetworkRef): Promise<void>;
  /** Removes the record after the last undo, frees what nobody uses any more. */
  forgetAttachment(input: ForgetInput): Promise<boolean>;
  recordRefusal(input: RefusalInput): Promise<void>;
  /** Forgets earlier refusals, because a person asked to try again. */
  clearRefusals(input: PodIdentity): Promise<void>;
  /** Writes status annotation and events from what is recorded now. False: the mark was asked for, and the inputs are others by now. */
  publishStatus(input: PublishInput): Promise<boolean>;
  /** Writes the converged mark, unless the inputs are others by now. False: they are. */
  writeMark(input: PodIdentity & { readonly inputsHash: string }): Promise<boolean>;
  /** Whether the Node object exists, and after how long a second look is due (ADR 32). */
  readNode(input: { readonly node: string }): Promise<{ exists: boolean; lookAgainAfterSeconds: number }>;
  /** Sets aside what a node that is surely gone still owned. */
  entombAttachment(input: RecordInput): Promise<boolean>;
  /** Nodes with members of a network. */
  listMeshNodes(network: NetworkRef): Promise<readonly string[]>;
  recordMesh(input: NetworkRef & { readonly behind: readonly string[] }): Promise<void>;
}

/** Two steps that follow one another, as one local activity: an activity costs a run more than most of the steps do (ADR 16). */
export interface JoinedSteps {
  /** `observePod`, then what the plan begins with: `recordIntent` or `beginRemoval`. */
  observeAndBegin(input: PodNetworkInput & { readonly owner: AttachmentOwner }): Promise<Beginning>;
  /** `recordResult` or `forgetAttachment`, then `publishStatus`. */
  settle(input: PublishInput & { readonly last: LastStep }): Promise<Settled>;
}

export type ControlActivities = ControlSteps & JoinedSteps;
