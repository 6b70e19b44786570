/** When a run has to go on with a fresh history: the server ends a run of 51,200 events by force. */
import { workflowInfo } from '@temporalio/workflow';
import { POD_HISTORY_LIMIT } from './activity-options.ts';

/** Asked between rounds, and within a round that keeps failing. */
export function needsFreshHistory(): boolean {
  const info = workflowInfo();
  return info.continueAsNewSuggested || info.historyLength > POD_HISTORY_LIMIT;
}
