/** Contract of the node's sweep activities. Types only, so that workflows can import it. */
import type { Finding } from '../../../domain/sweep/finding.ts';
import type { OnlySandbox, SweepRow } from '../../../domain/sweep/messages.ts';

export interface SweepLookInput {
  readonly node: string;
}

export interface SweepLookResult {
  /** What can be acted on comes first. */
  readonly findings: readonly (Finding & { readonly ageSeconds: number })[];
  readonly more: number;
  /** Networks whose plugins are to be told again which attachments are alive. */
  readonly gcDue: boolean;
  /** Whether nothing of podwire's is on the node or recorded of it, so that nothing can change without a record; undefined: of earlier builds. */
  readonly isEmpty?: boolean;
}

export interface SweepActInput extends SweepLookInput {
  /** Ids of findings of the first look; what the second one does not find again is left alone. */
  readonly ids: readonly string[];
  /** Drift in this sandbox only, by its links; plugins are not asked. */
  readonly only?: OnlySandbox;
  readonly removeForeign?: boolean;
  /** Addresses that living pods have: forwarding entries to them stay. */
  readonly spare?: readonly string[];
}

export interface SweepActResult {
  /** One for each id, in their order; those that are left to the control side say `found`. */
  readonly rows: readonly SweepRow[];
  /** Names of the networks whose plugins had GC. */
  readonly gc: readonly string[];
}

/** Served beside `NodeActivities`. Fail with EtcdUnavailable, CriUnavailable, SandboxBusy (another sweep is at it). */
export interface SweepNodeActivities {
  /** Compares what is on the node with the records. Changes nothing. */
  sweepLook(input: SweepLookInput): Promise<SweepLookResult>;
  /** Looks a second time, and removes what was found both times and is still so right before. */
  sweepAct(input: SweepActInput): Promise<SweepActResult>;
}
