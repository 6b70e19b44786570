/** How the trace of a change passes through Temporal: in headers, which are in histories, and therefore survive retries and workers. */
import { readTraceParent, traceParentText, type TraceParent } from './text/trace-parent.ts';

/** The header that the interceptors of Temporal's SDKs use; its value is a `TraceCarrier` in JSON. */
export const TRACE_HEADER = '_tracer-data';

/** As the propagators of OpenTelemetry fill it. */
export interface TraceCarrier {
  readonly traceparent: string;
}

export const traceCarrier = (parent: TraceParent): TraceCarrier => ({ traceparent: traceParentText(parent) });

/**
 * What a header carried, undefined when that is of no trace. A header that cannot be read is somebody else's (encrypted, another converter's),
 * and never a reason to fail: a run would try again with the same header for ever.
 * @param decode gives the header's value, or throws
 */
export function carriedTrace(decode: () => unknown): TraceParent | undefined {
  try {
    const text = (decode() as Partial<TraceCarrier> | null | undefined)?.traceparent;
    return typeof text === 'string' ? readTraceParent(text) : undefined;
  } catch {
    return undefined;
  }
}

/** What a run worked on for one change: from what began it to the next change, or to the run's end. */
export interface RunEpisode extends TraceParent {
  readonly parentSpanId: string;
  /** Milliseconds since the epoch, by the run's clock. */
  readonly startedAt: number;
}

/**
 * The id of a run's n-th episode's span: the same one whoever computes it, so that a replay finds it again and no random number of the run
 * is used up.
 * @param runId a UUID, of which the latter half is random
 */
export function episodeSpanId(runId: string, count: number): string {
  const digits = runId.replaceAll('-', '').slice(-14).padStart(14, '0');
  const nth = (count % 255) + 1;
  return `${nth.toString(16).padStart(2, '0')}${digits}`;
}
