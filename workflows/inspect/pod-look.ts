/** podLook: one look into pods of one target, for a person who waits. Changes nothing, waits for nobody. */
import { proxyActivities } from '@temporalio/workflow';
import type {
  InspectBatchActivities,
  InspectBatchInput,
  InspectBatchResult,
} from '../../domain/inspect/inspect-batch.ts';
import { nodeQueue } from '../../domain/messages.ts';
import * as options from '../steps/activity-options.ts';

export async function podLook(input: InspectBatchInput): Promise<InspectBatchResult> {
  const { lookIntoPods } = proxyActivities<InspectBatchActivities>({
    ...options.LOOK,
    taskQueue: nodeQueue(input.place),
    summary: `look into ${input.pods.length} pods at ${input.place}`,
  });
  return lookIntoPods(input);
}
