/** How many things the orchestrator's worker does at once, and who gets a slot first. */
import type { WorkerOptions } from '@temporalio/worker';
import type { OrchestratorConfig } from '../config/orchestrator.ts';
import { LinkFirstSlots } from './link-first-slots.ts';

/**
 * A workflow task holds its slot while its local activities run, and those have 2 s: with the SDK's forty at once a burst of forty pods
 * starved them all of CPU until each timed out.
 */
const WORKFLOW_TASKS = { total: 20, later: 1, laterInTheEnd: 4, patienceMs: 2_000, afterglowMs: 500 };
/** Half of the polls each for runs that begin and for their later tasks; who gets a slot first is `LinkFirstSlots`' business. */
const SHARE_OF_NEW_RUNS = 0.5;
const LOCAL_ACTIVITIES_AT_ONCE = 100;
/** The only regular activities here: one for each reflected kind. */
const RESYNCS_AT_ONCE = 8;

export type WorkflowSlots = Pick<
  WorkerOptions,
  'tuner' | 'nonStickyToStickyPollRatio' | 'stickyQueueScheduleToStartTimeout'
>;

/** @param kind `link-first` (ADR 15), or as many slots of the SDK's own fixed kind, to compare with */
export function workflowSlots(kind: OrchestratorConfig['workflowSlots']): WorkflowSlots {
  const others = {
    localActivityTaskSlotSupplier: { type: 'fixed-size', numSlots: LOCAL_ACTIVITIES_AT_ONCE },
    activityTaskSlotSupplier: { type: 'fixed-size', numSlots: RESYNCS_AT_ONCE },
    nexusTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
  } as const;
  // How long the tasks of a killed worker wait for it before another one gets them. In a burst, later tasks wait there for their slots.
  const patience = { stickyQueueScheduleToStartTimeout: '4s' } as const;
  if (kind === 'fixed') {
    const workflowTaskSlotSupplier = { type: 'fixed-size', numSlots: WORKFLOW_TASKS.total } as const;
    return { tuner: { ...others, workflowTaskSlotSupplier }, ...patience };
  }
  return {
    tuner: { ...others, workflowTaskSlotSupplier: new LinkFirstSlots(WORKFLOW_TASKS) },
    nonStickyToStickyPollRatio: SHARE_OF_NEW_RUNS,
    ...patience,
  };
}
