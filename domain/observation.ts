/** What a run knows of one pod after it looked: small, without configuration or addresses, fit for a workflow's history. */
import type { NetworkRef } from './network-selection.ts';
import type { AttachmentPhase, StepFailure } from './records.ts';

/** A wished attachment, by name and by a fingerprint of everything that decides how its link looks. */
export interface WishedAttachment {
  readonly interfaceName: string;
  readonly network: NetworkRef;
  /** Fingerprint of the whole link and of the pod's own address. */
  readonly linkHash: string;
  /** Fingerprint of what cannot be changed in place: VNI, port, parent. */
  readonly tunnelHash: string;
  /** Set when these very inputs were refused before. */
  readonly refused?: StepFailure;
}

/** An attachment record as etcd has it. */
export interface KnownAttachment {
  readonly node: string;
  readonly sandboxId: string;
  readonly interfaceName: string;
  readonly network: NetworkRef;
  readonly linkHash: string;
  readonly tunnelHash: string;
  readonly phase: AttachmentPhase;
  readonly generation: number;
  readonly modRevision: string;
  /** The attach has been read back once; without it, a removal is the undo of a failed attach. */
  readonly completed: boolean;
}

/**
 * `absent`: no pod object of this UID. `waiting`: not on a node yet, or without an address. `live`: attach and follow.
 * `ended`: Succeeded or Failed. `host-network`: on the node's own network, where podwire changes nothing.
 */
export type PodPresence = 'absent' | 'waiting' | 'live' | 'ended' | 'host-network';

export interface Observation {
  readonly presence: PodPresence;
  readonly node: string;
  readonly inputsHash: string;
  /** Ready sandbox as its node published it; undefined: ask the node. */
  readonly sandboxId: string | undefined;
  /** In annotation order. */
  readonly wished: readonly WishedAttachment[];
  readonly known: readonly KnownAttachment[];
  /** Names of networks whose attachments stay as they are, whatever is wished (decision 10). */
  readonly keep: readonly string[];
  /** The annotation as a whole could not be read: everything that is attached stays. */
  readonly keepAll: boolean;
  /** Mistakes in the annotation; they are published, the good networks go on. */
  readonly problems: number;
}
