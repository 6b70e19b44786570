/** A receiver of spans: OTLP over HTTP in protobuf, as a collector has it (opentelemetry/proto/collector/trace/v1). */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';

/** What of opentelemetry/proto/trace/v1/trace.proto and its imports is looked at; field numbers are theirs. */
const PROTO = `
syntax = "proto3";
message Request { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeSpans { repeated Span spans = 2; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5;
  fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8;
  repeated KeyValue attributes = 9; Status status = 15;
}
message Status { string message = 2; int32 code = 3; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; } }
`;

export interface ReceivedSpan {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: the beginning of a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Of a failure. */
  readonly error: string | undefined;
  /** Whole microseconds since the epoch. */
  readonly startUs: number;
  readonly endUs: number;
}

export interface OtlpReceiver {
  readonly endpoint: string;
  readonly spans: ReceivedSpan[];
  stop(): Promise<void>;
}

interface KeyValue {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface Span {
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
  readonly parentSpanId?: Uint8Array;
  readonly name: string;
  readonly attributes?: KeyValue[];
  readonly status?: { readonly code?: number; readonly message?: string };
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
}

interface Request {
  readonly resourceSpans?: {
    readonly resource?: { readonly attributes?: KeyValue[] };
    readonly scopeSpans?: { readonly spans?: Span[] }[];
  }[];
}

const ERROR = 2;

/** @param onSpans told of each batch */
export async function startOtlpReceiver(
  { host, port }: { readonly host: string; readonly port: number } = { host: '127.0.0.1', port: 0 },
  onSpans: (spans: readonly ReceivedSpan[]) => void = () => undefined,
): Promise<OtlpReceiver> {
  const type = protobuf.parse(PROTO).root.lookupType('Request');
  const spans: ReceivedSpan[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const isSpans = request.url === '/v1/traces' && request.headers['content-type'] === 'application/x-protobuf';
      const sent = Buffer.concat(chunks);
      const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
      if (isSpans) {
        const batch = spansOf(type.toObject(type.decode(body), { longs: String }));
        spans.push(...batch);
        onSpans(batch);
      }
      response.writeHead(isSpans ? 200 : 415, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  await once(server.listen(port, host), 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function spansOf({ resourceSpans = [] }: Request): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans = [] }) => {
    const service = attributesOf(resource?.attributes)['service.name'];
    return scopeSpans.flatMap(({ spans = [] }) => spans.map((span) => spanOf(String(service), span)));
  });
}

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');
const inUs = (nanos: string): number => Number(BigInt(nanos) / 1_000n);

const spanOf = (service: string, span: Span): ReceivedSpan => ({
  ...{ service, traceId: hex(span.traceId), spanId: hex(span.spanId), parentSpanId: hex(span.parentSpanId) },
  ...{ name: span.name, attributes: attributesOf(span.attributes) },
  error: span.status?.code === ERROR ? (span.status.message ?? '') : undefined,
  ...{ startUs: inUs(span.startTimeUnixNano), endUs: inUs(span.endTimeUnixNano) },
});

const attributesOf = (pairs: readonly KeyValue[] = []): Record<string, unknown> =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, Object.values(value)[0]]));
