/** The trace that a process works in goes with what it asks Temporal for, in headers; and back out of them, where a step begins. */
import type { WorkflowClientInterceptor } from '@temporalio/client';
import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import type { TraceParent } from '../../domain/text/trace-parent.ts';
import { carriedTrace, TRACE_HEADER, traceCarrier } from '../../domain/tracing.ts';
import { currentTrace } from '../tracing/tracing.ts';

/** The same headers where no trace is recorded. */
function withTrace(headers: Headers): Headers {
  const current = currentTrace();
  if (current === undefined) return headers;
  const payload = defaultPayloadConverter.toPayload(traceCarrier(current));
  return payload === undefined ? headers : { ...headers, [TRACE_HEADER]: payload };
}

/** Undefined: there is none, or what is there is of no trace. */
export function traceIn(headers: Headers): TraceParent | undefined {
  const payload = headers[TRACE_HEADER];
  return payload === undefined ? undefined : carriedTrace(() => defaultPayloadConverter.fromPayload(payload));
}

/** For each client of Temporal. */
export const traceHeaders: WorkflowClientInterceptor = {
  signalWithStart: (input, next) => next({ ...input, headers: withTrace(input.headers) }),
  signal: (input, next) => next({ ...input, headers: withTrace(input.headers) }),
  startWithDetails: (input, next) => next({ ...input, headers: withTrace(input.headers) }),
  startUpdate: (input, next) => next({ ...input, headers: withTrace(input.headers) }),
  startUpdateWithStart: (input, next) =>
    next({
      ...input,
      workflowStartHeaders: withTrace(input.workflowStartHeaders),
      updateHeaders: withTrace(input.updateHeaders),
    }),
};
