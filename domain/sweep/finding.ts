/** What a look at a node found that is not as podwire's records say. Small and plain: it travels through a workflow's history. */
import type { PodIdentity } from '../pod/pod-view.ts';

/**
 * `drift`: an attachment whose interface is gone or was changed behind podwire's back. `journal`: begun with CNI plugins, and no record
 * owns it. `link`: carries podwire's alias, and no record owns it. `record`: nobody seems to work on it although something is to be done.
 * `reservation`, `cache-file`: kept by host-local and libcni for a sandbox that the container runtime does not know.
 * `forwarding`: forwarding entries that somebody changed and the node has set right.
 * `unreadable`: a journal entry that nobody can read. `stranger`: an adopted link has forwarding entries to addresses that no member has.
 */
export type FindingKind =
  'drift' | 'journal' | 'link' | 'record' | 'reservation' | 'cache-file' | 'unreadable' | 'stranger' | 'forwarding';

/** `repair`: made anew. `remove`: undone on the node. `tell`: the pod's run is started. `report`: only shown. */
type SweepAction = 'repair' | 'remove' | 'tell' | 'report';

/** The write of an attachment record that was looked at. */
interface SweptAttachment {
  readonly node: string;
  readonly sandboxId: string;
  readonly interfaceName: string;
  readonly generation: number;
  readonly modRevision: string;
}

export interface Finding {
  /** The same thing has the same id in every look; a thing made anew has another one. */
  readonly id: string;
  readonly kind: FindingKind;
  readonly action: SweepAction;
  /** For people: the interface and its sandbox, or a file. */
  readonly where: string;
  /** `namespace/pod`, or what is known of it; empty when nothing is. */
  readonly owner: string;
  readonly why: string;
  /** Not podwire's; removed only for a person who asks for it. */
  readonly foreign?: boolean;
  readonly pod?: PodIdentity;
  readonly attachment?: SweptAttachment;
  /** Of a `drift` that is only reported: how often its interface was made anew in vain; 0: what differs is not podwire's to repair. */
  readonly repairs?: number;
  /** Of a `record`: its status says that drift remains, and there is none any more. */
  readonly over?: true;
  /** Where the entries of a `stranger` lead to. */
  readonly addresses?: readonly string[];
}

const MAX_WHY = 300;

/** Plugins may write novels. */
export const shortWhy = (text: string): string => {
  const line = text.replace(/\s+/g, ' ');
  return line.length <= MAX_WHY ? line : `${line.slice(0, MAX_WHY - 1)}…`;
};
