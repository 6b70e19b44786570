/** Activities as a worker registers them: what they fail with is told to Temporal in the shape that workflows know. */
import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { toApplicationFailure } from '../activities/failure-mapping.ts';
import { withinMs } from '../adapters/concurrency/call-limit.ts';
import type { Logger } from '../adapters/log/logger.ts';
import { PodwireError } from '../domain/failures.ts';

/** What is left for the answer's way: a call that takes all the time there is fails with its own error, which names the call. */
const FOR_THE_ANSWER_MS = 100;

/** A local activity's calls share its time. Each try that fails is logged by step-log.ts; here, what nobody foresaw, with its stack. */
export function loggedActivities<T extends object>(activities: T, log: Logger): T {
  const wrapped = Object.entries(activities).map(([name, activity]) => [
    name,
    async (...input: unknown[]): Promise<unknown> => {
      try {
        return await inItsTime(() => (activity as (...input: unknown[]) => Promise<unknown>)(...input));
      } catch (error) {
        if (!isForeseen(error)) log.error({ err: error, step: name }, 'a step failed in a way of its own');
        // Temporal is told of a cancellation as of one, and not as of a failure.
        throw error instanceof CancelledFailure ? error : toApplicationFailure(error);
      }
    },
  ]);
  return Object.fromEntries(wrapped) as T;
}

/** Some activities give their failures Temporal's shape themselves (failure-mapping.ts). */
const isForeseen = (error: unknown): boolean =>
  error instanceof PodwireError ||
  error instanceof CancelledFailure ||
  (error instanceof ApplicationFailure && error.type !== 'Unexpected');

function inItsTime<T>(work: () => Promise<T>): Promise<T> {
  const { isLocal, scheduleToCloseTimeoutMs, scheduledTimestampMs } = Context.current().info;
  if (!isLocal) return work();
  return withinMs(scheduledTimestampMs + scheduleToCloseTimeoutMs - Date.now() - FOR_THE_ANSWER_MS, work);
}
