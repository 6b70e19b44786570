/** When a run has to go on with a fresh history: the server ends one of 51,200 events by force. */
import { patched, workflowInfo } from '@temporalio/workflow';
import { POD_HISTORY_LIMIT } from './activity-options.ts';

/** Only runs to which it matters carry its marker. */
const LONG_ROUND_ENDS = 'long-round-ends';

/** Looked at between rounds. */
export function needsFreshHistory(): boolean {
  const info = workflowInfo();
  return info.continueAsNewSuggested || info.historyLength > POD_HISTORY_LIMIT;
}

/**
 * Looked at within a round, whenever it has failed at something and is about to try that again: a round that is stuck for weeks has to
 * end, or nobody ever looks between rounds.
 */
export const roundIsTooLong = (): boolean => needsFreshHistory() && patched(LONG_ROUND_ENDS);
