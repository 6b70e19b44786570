/** Spans of what a process does. Off unless OpenTelemetry's variables say where they go to; then nothing of its packages is loaded. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { traceParentText, type TraceParent } from '../../domain/text/trace-parent.ts';
import type { RunEpisode } from '../../domain/tracing.ts';

/** Names of things, never what is to be done with them: no secret and no text of a configuration. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface SpanOptions {
  readonly kind?: 'internal' | 'client' | 'server' | 'producer' | 'consumer';
  readonly attributes?: SpanAttributes;
  /** Below which span. Absent: the one that is worked in, else the beginning of a trace. */
  readonly parent?: TraceParent | undefined;
  /** When it began, in milliseconds before now. */
  readonly agoMs?: number;
  /** Said in place of a failure's message, which may hold what somebody configured. */
  readonly codeOf?: (error: unknown) => string;
}

export interface Tracing {
  readonly isOn: boolean;
  /** Does the work in a span; off: just does it. */
  span<T>(name: string, options: SpanOptions, work: () => Promise<T>): Promise<T>;
  /** Records what a run did, which it tells when it is over. @param endedAt milliseconds since the epoch */
  episode(name: string, attributes: SpanAttributes, episode: RunEpisode, endedAt: number): void;
  /** Sends what is recorded, as long as that takes no longer than a moment. */
  close(): Promise<void>;
}

export const NO_TRACING: Tracing = {
  isOn: false,
  span: (_name, _options, work) => work(),
  episode: () => undefined,
  close: () => Promise.resolve(),
};

const worked = new AsyncLocalStorage<TraceParent>();

/** The span that is worked in; undefined: none. */
export const currentTrace = (): TraceParent | undefined => worked.getStore();

/** As `TRACEPARENT` in the environment of a program. */
export function currentTraceText(): string | undefined {
  const current = worked.getStore();
  return current === undefined ? undefined : traceParentText(current);
}

/** Does the work as one that belongs to this span. */
export const withinTrace = <T>(span: TraceParent, work: () => T): T => worked.run(span, work);
