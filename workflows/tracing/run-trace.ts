/**
 * Passes on, from whatever begins or changes a run to the steps that the run schedules for it, which trace they belong to. Without a header
 * nothing happens here; who records traces puts one on signals, updates and starts (ADR 67).
 */
import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import { proxySinks, workflowInfo, type Sinks, type WorkflowInterceptorsFactory } from '@temporalio/workflow';
import { carriedTrace, episodeSpanId, TRACE_HEADER, traceCarrier, type RunEpisode } from '../../domain/tracing.ts';

interface TraceSinks extends Sinks {
  readonly traces: { ended(episode: RunEpisode, endedAt: number): void };
}

/** Of one run. */
class RunTrace {
  readonly #sinks = proxySinks<TraceSinks>();
  #episode: RunEpisode | undefined;
  #count = 0;

  /** What comes without a trace, as a person's retry, goes on with the one that there is. */
  begin(headers: Headers): void {
    const payload = headers[TRACE_HEADER];
    const parent = payload === undefined ? undefined : carriedTrace(() => defaultPayloadConverter.fromPayload(payload));
    if (parent === undefined || parent.traceId === this.#episode?.traceId) return;
    this.end();
    const { traceId, sampled, spanId: parentSpanId } = parent;
    const spanId = episodeSpanId(workflowInfo().runId, (this.#count += 1));
    this.#episode = { traceId, sampled, spanId, parentSpanId, startedAt: Date.now() };
  }

  end(): void {
    if (this.#episode?.sampled === true) this.#sinks.traces.ended(this.#episode, Date.now());
    this.#episode = undefined;
  }

  /** Those of something that the run begins. */
  with<T extends { readonly headers: Headers }>(input: T): T {
    if (this.#episode === undefined) return input;
    const payload = defaultPayloadConverter.toPayload(traceCarrier(this.#episode));
    return payload === undefined ? input : { ...input, headers: { ...input.headers, [TRACE_HEADER]: payload } };
  }
}

/** By this name the SDK finds it. */
export const interceptors: WorkflowInterceptorsFactory = () => {
  const trace = new RunTrace();
  return {
    inbound: [
      {
        async execute(input, next) {
          trace.begin(input.headers);
          try {
            return await next(input);
          } finally {
            trace.end();
          }
        },
        handleSignal(input, next) {
          trace.begin(input.headers);
          return next(input);
        },
        handleUpdate(input, next) {
          trace.begin(input.headers);
          return next(input);
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next(trace.with(input)),
        scheduleLocalActivity: (input, next) => next(trace.with(input)),
        continueAsNew: (input, next) => next(trace.with(input)),
      },
    ],
  };
};
