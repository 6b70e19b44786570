/** What a run knows of one pod after observing it: small, without configuration or addresses, fit for a workflow's history. */
import { keepEntry } from './keep.ts';
import type { NetworkRef, NetworkSelection } from '../network-selection.ts';
import { dialectOf, namedNetwork, type AttachmentPhase, type AttachmentRecord, type StepFailure } from '../records.ts';

export type AttachmentKind = AttachmentRecord['kind'];

/** A desired attachment, by name and by a fingerprint of everything that decides how its link looks. */
export interface DesiredAttachment {
  readonly kind: AttachmentKind;
  /** Place among the pod's selections: under the same inputs it names the same one again. */
  readonly selection: number;
  readonly interfaceName: string;
  readonly network: NetworkRef;
  /**
   * What its entry names, as `RecordedAttachment.keepName` has it, which is known of an attachment whatever the entry has come to mean. Absent of
   * a network that the entry declares itself.
   */
  readonly askedAs?: string;
  /** Fingerprint of the whole link and of the pod's own address. */
  readonly linkHash: string;
  /** Fingerprint of what cannot be changed in place: VNI, ports, parent and the pod's own address. */
  readonly tunnelHash: string;
  /** Set when these very inputs were refused before. */
  readonly refused?: StepFailure;
  /** Nobody asked for this interface name: should it be somebody else's, another one is tried. */
  readonly mayBeRenamed?: true;
}

/** An attachment record as etcd has it. */
export interface RecordedAttachment {
  readonly kind: AttachmentKind;
  /** How `Observation.keep` names its network. */
  readonly keepName: string;
  readonly node: string;
  readonly sandboxId: string;
  readonly interfaceName: string;
  readonly network: NetworkRef;
  readonly linkHash: string;
  readonly tunnelHash: string;
  readonly phase: AttachmentPhase;
  readonly generation: number;
  readonly modRevision: string;
  /** The agent container it was made through is another one now: the link has to be looked at again. */
  readonly unverified?: boolean;
  /** An intent for a link that was attached before: it can be rolled back (ADR 18). */
  readonly hasLastGood?: boolean;
  /** The attach has been read back once; without it, a removal is the undo of a failed attach. */
  readonly completed: boolean;
}

/**
 * `absent`: no pod object of this UID. `waiting`: not on a node yet, or without an address. `live`: attach and follow.
 * `ended`: Succeeded or Failed. `host-network`: on the node's own network, where podwire changes nothing.
 */
export type PodPresence = 'absent' | 'waiting' | 'live' | 'ended' | 'host-network';

interface ShutGate {
  /** Instance of the agent init container. */
  readonly containerId: string;
  /** Whether a refused network lets the pod start. */
  readonly onRefusal: 'open' | 'shut';
}

export interface ForeignInterface {
  readonly interfaceName: string;
  readonly network: NetworkRef;
}

export interface Observation {
  readonly presence: PodPresence;
  /** The target: where its networks are made (domain/target.ts); the node's name but for the exec backend. */
  readonly node: string;
  /** A static pod's UID on its node. */
  readonly runtimeUid?: string;
  readonly inputsHash: string;
  /** Ready sandbox as its node published it; undefined: ask the node. */
  readonly sandboxId: string | undefined;
  /** The sandbox that is being taken down, and no other has come in its place: what is attached in it goes (ADR 52). */
  readonly endingSandboxId?: string;
  /** A refused network keeps a pod from starting that waits for its networks. */
  readonly onRefusal?: 'shut';
  /** In annotation order. */
  readonly wished: readonly DesiredAttachment[];
  readonly known: readonly RecordedAttachment[];
  /** What another runtime attached and the annotation asks for no more: to be taken over, and then away. */
  readonly takeOver?: readonly ForeignInterface[];
  /** Names of networks whose attachments stay as they are, whatever is desired (ADR 35). */
  readonly keep: readonly string[];
  /** What kube-vxlan-controller's annotation lacks may be hidden by a mistake in it: each of its attachments stays. */
  readonly keepAll: boolean;
  /** The pod waits in its agent init container for its networks. */
  readonly gate?: ShutGate;
  /** Mistakes in the annotation; they are published, the good networks go on. */
  readonly problems: number;
}

/** How `Observation.keep` names the network of a record: openvnf's networks by name, those of the other dialects by dialect and place. */
export const keepName = (record: AttachmentRecord): string => keepEntry(dialectOf(record), namedNetwork(record));

/** The same of a selection: what its entry names, whatever that means now. */
export const askedAs = (selection: NetworkSelection): string =>
  keepEntry(
    selection.dialect,
    (selection.kind === 'vxlan' ? selection.through?.definition : undefined) ?? selection.network,
  );

/** Whether an attachment stays as it is whatever is desired; a dialect's `*` stands for all of its networks, `@` for what has an interface. */
export function isKept(record: RecordedAttachment, { keep, keepAll }: Pick<Observation, 'keep' | 'keepAll'>): boolean {
  const { keepName: name, interfaceName } = record;
  if (keep.includes(name)) return true;
  // openvnf's networks have no dialect before their name.
  if (!name.includes(':')) return keepAll;
  const dialect = name.slice(0, name.indexOf(':'));
  return keep.includes(`${dialect}:*`) || keep.includes(`${dialect}:@${interfaceName}`);
}
