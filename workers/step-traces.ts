/** A span for each try of a step that belongs to a trace, and one for what a run did for a change. */
import type { Sinks } from '@temporalio/workflow';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory, InjectedSinks, WorkerInterceptors } from '@temporalio/worker';
import type { Logger } from '../adapters/log/logger.ts';
import { traceIn } from '../adapters/temporal/trace-headers.ts';
import type { SpanAttributes, Tracing } from '../adapters/tracing/tracing.ts';
import type { RunEpisode } from '../domain/tracing.ts';
import { aboutStep, stepLog } from './step-log.ts';

/** What every worker does around its steps. */
export const aroundSteps = (tracing: Tracing, log: Logger): WorkerInterceptors => ({
  activity: [...(tracing.isOn ? [stepTraces(tracing)] : []), stepLog(log)],
});

/** Steps without a trace have no span: looks of people and sweeps are of no change. */
const stepTraces =
  (tracing: Tracing): ActivityInterceptorsFactory =>
  ({ info }) => ({
    inbound: {
      async execute(input, next) {
        const parent = traceIn(input.headers);
        if (parent === undefined) return next(input);
        const { step, ...about } = aboutStep(info, input.args[0]);
        const attributes = namedAsPodwires(about);
        return tracing.span(String(step), { kind: 'consumer', attributes, parent, codeOf }, () => next(input));
      },
    },
  });

/** As the log has them, with podwire's name before. */
const namedAsPodwires = (about: Readonly<Record<string, unknown>>): SpanAttributes =>
  Object.fromEntries(
    Object.entries(about).flatMap(([key, value]) =>
      typeof value === 'string' || typeof value === 'number' ? [[`podwire.${key}`, value]] : [],
    ),
  );

function codeOf(error: unknown): string {
  if (error instanceof CancelledFailure) return 'Cancelled';
  return (error instanceof ApplicationFailure ? error.type : undefined) ?? 'Unexpected';
}

/** Where runs tell what they did; a run that is replayed has told it before. */
export const traceSinks = (tracing: Tracing): InjectedSinks<TraceSinks> => ({
  traces: {
    ended: {
      fn({ workflowId, runId, workflowType }, episode, endedAt) {
        const attributes = { 'podwire.workflowId': workflowId, 'podwire.runId': runId };
        tracing.episode(`run ${workflowType}`, attributes, episode, endedAt);
      },
      callDuringReplay: false,
    },
  },
});

/** As workflows/tracing/run-trace.ts calls them. */
interface TraceSinks extends Sinks {
  readonly traces: { ended(episode: RunEpisode, endedAt: number): void };
}
