/** Spans recorded with OpenTelemetry's SDK and sent by OTLP over HTTP. Loaded only where traces are recorded. */
import {
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type Span,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  RandomIdGenerator,
  type IdGenerator,
} from '@opentelemetry/sdk-trace-base';
import type { TraceParent } from '../../domain/text/trace-parent.ts';
import type { Logger } from '../log/logger.ts';
import { currentTrace, withinTrace, type SpanAttributes, type SpanOptions, type Tracing } from './tracing.ts';

const KINDS = {
  internal: SpanKind.INTERNAL,
  client: SpanKind.CLIENT,
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;
/** Of the flags of a span. */
const SAMPLED: number = TraceFlags.SAMPLED;
/** A collector that is away is told of once in so long. */
const TOLD_EVERY_MS = 60_000;
const CLOSE_MS = 2_000;

/** @param component name of the part. Where spans go to, how many are kept and which are sampled is said by OpenTelemetry's variables */
export function recordTraces(component: string, version: string, log: Logger): Tracing {
  tellTroubles(log);
  const ids = new GivenIds();
  const named = resourceFromAttributes({ 'service.name': `podwire-${component}`, 'service.version': version });
  const provider = new BasicTracerProvider({
    // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
    resource: defaultResource()
      .merge(named)
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
    idGenerator: ids,
  });
  const tracer = provider.getTracer('podwire', version);
  return {
    isOn: true,
    async span(name, options, work) {
      const { kind = 'internal', attributes = {}, agoMs = 0 } = options;
      const parent = options.parent ?? currentTrace();
      const span = tracer.startSpan(
        name,
        { kind: KINDS[kind], attributes: known(attributes), startTime: Date.now() - agoMs },
        contextOf(parent),
      );
      try {
        return await withinTrace(placeOf(span), work);
      } catch (error) {
        failed(span, error, options);
        throw error;
      } finally {
        span.end();
      }
    },
    episode(name, attributes, episode, endedAt) {
      const parent = { ...episode, spanId: episode.parentSpanId };
      const span = ids.with(episode.spanId, () =>
        tracer.startSpan(name, { attributes: known(attributes), startTime: episode.startedAt }, contextOf(parent)),
      );
      span.end(endedAt);
    },
    close: async () => {
      const limit = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_MS).unref());
      await Promise.race([provider.shutdown().catch(() => undefined), limit]);
    },
  };
}

/** Only the code: messages may hold what somebody configured. */
function failed(span: Span, error: unknown, { codeOf }: SpanOptions): void {
  const code = codeOf?.(error) ?? 'Unexpected';
  span.setStatus({ code: SpanStatusCode.ERROR, message: code });
  span.setAttribute('error.type', code);
}

const known = (attributes: SpanAttributes): Record<string, string | number | boolean> =>
  Object.fromEntries(Object.entries(attributes).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));

function contextOf(parent: TraceParent | undefined): Context {
  if (parent === undefined) return ROOT_CONTEXT;
  const { traceId, spanId, sampled } = parent;
  const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

function placeOf(span: Span): TraceParent {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return { traceId, spanId, sampled: (traceFlags & SAMPLED) !== 0 };
}

/** Random ids, but for spans that have theirs already. */
class GivenIds implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  #given: string | undefined;

  generateTraceId = (): string => this.#random.generateTraceId();
  generateSpanId = (): string => this.#given ?? this.#random.generateSpanId();

  with<T>(spanId: string, work: () => T): T {
    this.#given = spanId;
    try {
      return work();
    } finally {
      this.#given = undefined;
    }
  }
}

function tellTroubles(log: Logger): void {
  let saidAt = -Infinity;
  // Components of the SDK say their name first, and then what they have to say.
  const tell = (...said: readonly unknown[]): void => {
    const now = performance.now();
    if (now - saidAt < TOLD_EVERY_MS) return;
    saidAt = now;
    const why = said.filter((each) => typeof each === 'string').join(' ');
    log.warn({ why: why.slice(0, 500) }, 'traces cannot be sent');
  };
  const nothing = (): void => undefined;
  diag.setLogger(
    { error: tell, warn: tell, info: nothing, debug: nothing, verbose: nothing },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
