/** One line of the log for each try of a step: which, for whom, in which run, how it ended, and how long it took. */
import type { Info } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Logger } from '../adapters/log/logger.ts';
import { podOfWorkflow } from '../domain/messages.ts';

/** What a step is about, for a line of the log: of its input only what names something, never what is to be done with it. */
export function aboutStep({ activityType, attempt, workflowExecution }: Info, input: unknown): Record<string, unknown> {
  const { workflowId, runId } = workflowExecution ?? {};
  const pod = podOfWorkflow(workflowId ?? '');
  const { podUid, sandboxId, interfaceName } = namesIn(input);
  const uid = podUid ?? pod?.uid;
  return {
    step: activityType,
    ...(pod === undefined ? {} : { pod: `${pod.namespace}/${pod.name}` }),
    ...(uid === undefined ? {} : { podUid: uid }),
    ...(interfaceName === undefined ? {} : { interfaceName }),
    ...(sandboxId === undefined ? {} : { sandboxId }),
    ...{ workflowId, runId, attempt },
  };
}

type Names = { readonly [K in 'podUid' | 'sandboxId' | 'interfaceName']?: string };

function namesIn(input: unknown): Names {
  if (typeof input !== 'object' || input === null) return {};
  const named = (key: keyof Names): Names => {
    const value = (input as Readonly<Record<string, unknown>>)[key];
    return typeof value === 'string' ? { [key]: value } : {};
  };
  return { ...named('podUid'), ...named('sandboxId'), ...named('interfaceName') };
}

/** Steps of pods are told of at `info`, others, which are for all of a network or a node, at `debug`; what fails at `warn`. */
export const stepLog =
  (log: Logger): ActivityInterceptorsFactory =>
  ({ info }) => ({
    inbound: {
      async execute(input, next) {
        const began = performance.now();
        const about = aboutStep(info, input.args[0]);
        const ms = (): number => Math.round(performance.now() - began);
        try {
          const result = await next(input);
          log[about['pod'] === undefined ? 'debug' : 'info']({ ...about, ms: ms() }, 'step done');
          return result;
        } catch (error) {
          if (error instanceof CancelledFailure) log.info({ ...about, ms: ms() }, 'step cancelled');
          else log.warn({ ...about, ms: ms(), ...whyOf(error) }, 'step failed');
          throw error;
        }
      },
    },
  });

/** Failures of steps have no stack by then, and no cause (failure-mapping.ts). */
function whyOf(error: unknown): object {
  if (error instanceof ApplicationFailure) return { code: error.type, why: error.message };
  return { err: error };
}
