/** `traceparent` of W3C Trace Context, level 1 (version 00): what tells in which trace, and below which span of it, something happens. */

export interface TraceParent {
  /** 32 hexadecimal digits, not all of them 0. */
  readonly traceId: string;
  /** 16 hexadecimal digits, not all of them 0. */
  readonly spanId: string;
  /** Whether somebody records the trace. */
  readonly sampled: boolean;
}

export const TRACE_PARENT_RULE = '00-, 32 and 16 lower-case hexadecimal digits that are not all 0, and two of flags';

const FORM = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;
const SAMPLED = 1;

/** Undefined: it is none, or of a version that is not known. */
export function readTraceParent(text: string): TraceParent | undefined {
  const [, traceId, spanId, flags] = FORM.exec(text) ?? [];
  if (traceId === undefined || spanId === undefined) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags ?? '', 16) & SAMPLED) === SAMPLED };
}

export const traceParentText = ({ traceId, spanId, sampled }: TraceParent): string =>
  `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
