/** podLook: one look into pods of one place, for a person who waits. Changes nothing, waits for nobody. */
import { proxyActivities } from '@temporalio/workflow';
import type { LookBatchActivities, LookBatchInput, LookBatchResult } from '../domain/look-batch.ts';
import { nodeQueue } from '../domain/messages.ts';
import * as options from './activity-options.ts';

export async function podLook(input: LookBatchInput): Promise<LookBatchResult> {
  const { lookIntoPods } = proxyActivities<LookBatchActivities>({
    ...options.LOOK,
    taskQueue: nodeQueue(input.place),
    summary: `look into ${input.pods.length} pods at ${input.place}`,
  });
  return lookIntoPods(input);
}
