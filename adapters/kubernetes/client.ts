/**
 * The Kubernetes API over HTTP with keep-alive and deadlines.
 *
 * The client library is used for what it is good at, kubeconfig files and credentials; its generated API opens a new TLS connection for
 * every call (6.3 ms instead of 1.1 ms) and its watch has no time-out, so requests are made by `ApiServer`.
 */
import type { IncomingMessage } from 'node:http';
import { PodwireError } from '../../domain/failures.ts';
import { atMostMs, callLimitMs } from '../concurrency/call-limit.ts';
import { ApiServer, isStaleSocket, type ApiRequest } from './api-server.ts';

export interface KubeClientOptions {
  /** Path of a kubeconfig file; undefined = the service account of the pod this runs in. */
  readonly kubeconfig?: string | undefined;
  /** Of the kubeconfig; undefined: its current one. */
  readonly context?: string | undefined;
  /** Limit of one call from the request to the last byte of the answer, unless the call says otherwise. */
  readonly deadlineMs?: number;
}

export interface KubeRequest extends ApiRequest {
  readonly body?: unknown;
  readonly deadlineMs?: number;
}

export interface KubeAnswer {
  readonly status: number;
  /** Parsed JSON; undefined when the answer was no JSON. */
  readonly body: unknown;
  /** From the Retry-After header, whole seconds only. */
  readonly retryAfterMs: number | undefined;
  /** The server's clock, from the Date header, in milliseconds since the epoch (whole seconds). */
  readonly serverTimeMs?: number;
}

export interface KubeClient {
  /** One call; any HTTP status is an answer, only no answer at all (or a cut one) is `ApiUnavailable`. */
  call(request: KubeRequest): Promise<KubeAnswer>;
  /** An open answer for a watch; the caller reads and destroys it. Rejects with `ApiUnavailable` when no headers come in time. */
  open(request: KubeRequest): Promise<IncomingMessage>;
  close(): void;
}

/** The API refused the request itself (409 Conflict, 422 Invalid): sending it again unchanged is of no use. */
export class KubeRejection extends Error {
  readonly status: number;
  readonly reason: string;
  /** Fields the API complained about, for example `metadata.uid`. */
  readonly fields: readonly string[];

  constructor(what: string, status: number, body: unknown) {
    const said = body as { message?: string; reason?: string; details?: { causes?: { field?: string }[] } } | undefined;
    super(`${what}: the API answered ${status}: ${said?.message ?? 'without a message'}`);
    this.name = 'KubeRejection';
    this.status = status;
    this.reason = said?.reason ?? '';
    this.fields = (said?.details?.causes ?? []).map((cause) => cause.field ?? '');
  }
}

const DEFAULT_DEADLINE_MS = 2_000;
const MAX_BODY_BYTES = 256 * 1024 * 1024;

/** Reads the credentials; throws an Error that names the file when it is missing or broken. Makes no connection. */
export function createKubeClient(options: KubeClientOptions = {}): KubeClient {
  const server = new ApiServer(options.kubeconfig, options.context);
  const limitOf = ({ deadlineMs }: KubeRequest): number =>
    Math.round(
      deadlineMs === undefined ? callLimitMs(options.deadlineMs ?? DEFAULT_DEADLINE_MS) : atMostMs(deadlineMs),
    );
  return {
    call: (request) => call(server, request, limitOf(request)),
    open: (request) => open(server, request, limitOf(request)),
    close: () => server.close(),
  };
}

function call(server: ApiServer, request: KubeRequest, limitMs: number): Promise<KubeAnswer> {
  return withDeadline(server, request, limitMs, async (limited) => {
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const attempt = async () => readAnswer(await server.send(limited, body));
    try {
      const answer = await attempt();
      return server.isRefused(answer.status) ? await attempt() : answer;
    } catch (error) {
      // The server closed an idle connection while we were using it. Every call of podwire can be repeated.
      if (isStaleSocket(error)) return await attempt();
      throw error;
    }
  });
}

async function open(server: ApiServer, request: KubeRequest, limitMs: number): Promise<IncomingMessage> {
  // The limit is for the headers only: an abort after them would end the stream, which is for the caller to decide.
  const opened = new AbortController();
  const forward = (): void => {
    opened.abort(request.signal?.reason);
  };
  request.signal?.addEventListener('abort', forward, { once: true });
  if (request.signal?.aborted === true) forward();
  return await withDeadline(server, request, limitMs, async (limited) => {
    const onLimit = (): void => {
      opened.abort(limited.signal?.reason);
    };
    limited.signal?.addEventListener('abort', onLimit, { once: true });
    try {
      const answer = await server.send({ ...request, signal: opened.signal }, undefined);
      // Whoever opens watches tries again by itself, then with another credential.
      server.isRefused(answer.statusCode);
      return answer;
    } finally {
      limited.signal?.removeEventListener('abort', onLimit);
    }
  });
}

async function withDeadline<T>(
  server: ApiServer,
  request: KubeRequest,
  limitMs: number,
  use: (limited: KubeRequest) => Promise<T>,
): Promise<T> {
  const what = `${request.method} ${request.path}`;
  const deadline = new AbortController();
  const timer = setTimeout(() => {
    deadline.abort(new Error(`no complete answer within ${limitMs} ms`));
  }, limitMs);
  const signal = request.signal === undefined ? deadline.signal : AbortSignal.any([request.signal, deadline.signal]);
  try {
    return await use({ ...request, signal });
  } catch (error) {
    const cause: unknown = deadline.signal.aborted ? deadline.signal.reason : error;
    throw new PodwireError('ApiUnavailable', `${what} on ${server.host}: ${messageOf(cause)}`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

async function readAnswer(response: IncomingMessage): Promise<KubeAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error(`answer is longer than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  const status = response.statusCode ?? 0;
  const retryAfterMs = retryAfter(response);
  const serverTimeMs = Date.parse(response.headers.date ?? '');
  const about = { status, retryAfterMs, ...(Number.isNaN(serverTimeMs) ? {} : { serverTimeMs }) };
  try {
    return { ...about, body: JSON.parse(text) as unknown };
  } catch (error) {
    // Proxies answer errors in plain text; a success without JSON is a cut or wrong answer.
    if (status >= 300) return { ...about, body: undefined };
    throw error;
  }
}

/** Milliseconds from a Retry-After header in seconds (RFC 9110 §10.2.3; Kubernetes never sends the date form). */
export function retryAfter(response: IncomingMessage): number | undefined {
  const header = response.headers['retry-after'];
  return header !== undefined && /^\d{1,5}$/.test(header) ? Number(header) * 1_000 : undefined;
}

/**
 * The body of a successful answer, undefined for 404.
 * @throws KubeRejection for 409 and 422; PodwireError `ApiUnavailable` for everything else (401 and 403 included: rights can be granted)
 */
export function bodyOf(answer: KubeAnswer, what: string): unknown {
  if (answer.status >= 200 && answer.status < 300) return answer.body;
  if (answer.status === 404) return undefined;
  const rejection = new KubeRejection(what, answer.status, answer.body);
  if (answer.status === 409 || answer.status === 422) throw rejection;
  throw new PodwireError('ApiUnavailable', rejection.message, { cause: rejection });
}

/** Joins path segments, each escaped: `apiPath('api', 'v1', 'namespaces', ns)`. */
export function apiPath(...segments: readonly string[]): string {
  return segments.map((segment) => `/${encodeURIComponent(segment)}`).join('');
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
