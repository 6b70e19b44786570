/**
 * What this node's worker has begun with CNI plugins: written before a plugin runs, removed after its DEL. It survives a killed worker
 * and a lost etcd, and it is how a retry knows that DEL must come first.
 */
import type { ChangedSysctls } from '../cni/changed-sysctls.ts';
import type { CniAttachmentRecord, LinkResult } from '../records.ts';
import type { CniCall } from './cni-plugins.ts';

/** Of an attachment's record, what does not follow from the call. */
type JournalBasis = Pick<CniAttachmentRecord, 'network' | 'dialect' | 'cni' | 'definitionUid'>;

export interface CniJournalEntry {
  readonly v: number;
  readonly podUid: string;
  /** As of `SoughtPod`. */
  readonly runtimeUid?: string;
  readonly generation: number;
  readonly bootId: string;
  readonly call: CniCall;
  /** What the pod asked for, so that the attachment's record can be written again. */
  readonly basis: JournalBasis;
  /** Absent: the call names none. */
  readonly sysctls?: ChangedSysctls;
  /** ADD's result, once it succeeded. */
  readonly resultText?: string;
  /** The link that it made, as the kernel had it: from then on it is known by its index, whatever it is called. */
  readonly made?: LinkResult;
  /** The file in which Multus keeps what this was taken over from; it goes with the attachment (ADR 41). */
  readonly takenFrom?: string;
  /** Why ADD failed, when its DEL failed too: that cause is what people have to know. */
  readonly failure?: string;
}

export interface CniJournal {
  read(sandboxId: string, interfaceName: string): Promise<CniJournalEntry | undefined>;
  /** Replaces the entry in one step: a reader sees the old one or the new one, never half. */
  write(entry: CniJournalEntry): Promise<void>;
  remove(sandboxId: string, interfaceName: string): Promise<void>;
  /** All entries, or those of one sandbox; one that cannot be read is reported by its file name and left. */
  list(
    sandboxId?: string,
  ): Promise<{ readonly entries: readonly CniJournalEntry[]; readonly unreadable: readonly string[] }>;
}
