/** Calls of hooks: one after the other, in the order in which they are configured. */
import { ActivityFailure, ApplicationFailure, isCancellation, proxyActivities } from '@temporalio/workflow';
import { parseHook, type HookInput } from '../../domain/primary/hooks.ts';
import * as options from '../steps/activity-options.ts';
import { classify } from '../steps/outcome.ts';
import { shortSummary } from '../steps/short-summary.ts';
import type { SandboxProgress } from './sandbox-progress.ts';

type HookActivities = Readonly<Record<string, (input: HookInput) => Promise<unknown>>>;

/**
 * Calls each once. One that fails does not keep the others from their turn.
 * @returns those that are to be called again
 * @throws a cancellation
 */
export async function callHooks(
  input: HookInput,
  hooks: readonly string[],
  progress: SandboxProgress,
): Promise<readonly string[]> {
  const left: string[] = [];
  for (const text of hooks) {
    const hook = parseHook(text);
    if (hook === undefined) {
      progress.gaveUp(`${text}: it is no hook`);
      continue;
    }
    const { pod, hook: kind } = input;
    const activities = proxyActivities<HookActivities>({
      ...options.HOOK,
      taskQueue: hook.queue,
      summary: shortSummary(`${kind} hook ${text} for ${pod.namespace}/${pod.name}`),
    });
    try {
      await activities[hook.activity]?.(input);
      progress.works(text);
    } catch (error) {
      if (isCancellation(error)) throw error;
      const why = `${kind} hook ${text}: ${reasonOf(error)}`;
      if (isForGood(error)) progress.gaveUp(why);
      else {
        left.push(text);
        progress.fails(text, why);
      }
    }
  }
  return left;
}

/** The team says so itself. */
const isForGood = (error: unknown): boolean =>
  error instanceof ActivityFailure && error.cause instanceof ApplicationFailure && error.cause.nonRetryable === true;

function reasonOf(error: unknown): string {
  const outcome = classify(error);
  if (outcome.kind === 'node-away') return 'nobody takes it from the queue';
  return 'failure' in outcome ? `${outcome.failure.code}: ${outcome.failure.message}` : 'cancelled';
}
