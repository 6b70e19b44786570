/** Contract of the sweep's local activities. Types only. */
import type { PodIdentity } from '../../../domain/pod/pod-view.ts';
import type { RecordInput } from '../control-contract.ts';

export interface RepairDriftInput extends RecordInput {
  readonly generation: number;
  /** What differed. */
  readonly why: string;
}

export interface DriftRemainsInput extends RecordInput {
  /** What differs, and that it differed again after each repair. */
  readonly why: string;
}

export interface RestoredInput extends RecordInput {
  /** What differed. */
  readonly why: string;
  /** Of the finding: one event for each. */
  readonly id: string;
}

interface StrangersInput extends RecordInput {
  readonly generation: number;
  readonly addresses: readonly string[];
}

/** Served beside `ControlActivities`. */
export interface SweepControlActivities {
  /**
   * Moves the record back to `intent` with a new generation, starts the pod's run, tells the pod's owner. False: the record changed.
   * `kept`: the network cannot be made from what the pod asks for now, so nothing was begun, and the owner was told so.
   */
  repairDrift(input: RepairDriftInput): Promise<boolean | 'kept'>;
  /** Tells the pod's owner of drift that is not repaired any more, and writes it into the pod's status. False: the record changed. */
  tellDriftRemains(input: DriftRemainsInput): Promise<boolean>;
  /** Removes from the status what `tellDriftRemains` wrote. Always true. */
  driftIsOver(input: RecordInput): Promise<boolean>;
  /** Starts the pod's run. False: a run is open already. */
  wakeIdlePod(input: PodIdentity & { readonly reason: string }): Promise<boolean>;
  /** Tells the pod's owner of forwarding entries that the next sweep removes. Always true. */
  tellStrangers(input: StrangersInput): Promise<boolean>;
  /** Tells the pod's owner of forwarding entries that were changed and are as they should be again. Always true. */
  tellRestored(input: RestoredInput): Promise<boolean>;
  /** Those of the addresses that belong to labelled pods which have not ended. */
  livingAddresses(input: { readonly addresses: readonly string[] }): Promise<readonly string[]>;
}
