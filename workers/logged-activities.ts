/** Activities as a worker registers them: what they fail with is logged here and told to Temporal in the shape that workflows know. */
import { toApplicationFailure } from '../activities/failure-mapping.ts';
import type { Logger } from '../adapters/log/logger.ts';

export function loggedActivities<T extends object>(activities: T, log: Logger): T {
  const wrapped = Object.entries(activities).map(([name, activity]) => [
    name,
    async (...input: unknown[]): Promise<unknown> => {
      try {
        return await (activity as (...input: unknown[]) => Promise<unknown>)(...input);
      } catch (error) {
        log.warn({ err: error, activity: name }, 'activity failed');
        throw toApplicationFailure(error);
      }
    },
  ]);
  return Object.fromEntries(wrapped) as T;
}
