/**
 * The Kubernetes API over HTTP with keep-alive and deadlines.
 *
 * The client library is used for what it is good at, kubeconfig files and credentials; its generated API opens a new TLS connection for
 * every call (6.3 ms instead of 1.1 ms) and its watch has no time-out, so requests are made here.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { PodwireError } from '../../domain/failures.ts';
import { atMostMs, callLimitMs } from '../deadline/call-limit.ts';
import { KubeConfigError } from './kube-config-error.ts';
import { loadConfig } from './kube-config.ts';

export interface KubeClientOptions {
  /** Path of a kubeconfig file; undefined = the service account of the pod this runs in. */
  readonly kubeconfig?: string | undefined;
  /** Limit of one call from the request to the last byte of the answer, unless the call says otherwise. */
  readonly deadlineMs?: number;
}

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** Absolute path with escaped segments, without query; see `apiPath`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
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
const MAX_SOCKETS = 16;
const MAX_BODY_BYTES = 256 * 1024 * 1024;

/** Reads the credentials; throws an Error that names the file when it is missing or broken. Makes no connection. */
export function createKubeClient(options: KubeClientOptions = {}): KubeClient {
  const { config, credential } = loadConfig(options.kubeconfig);
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new KubeConfigError(
      `Kubeconfig ${options.kubeconfig ?? '(in-cluster)'} names no cluster. Set current-context in it.`,
    );
  }
  const server = new URL(cluster.server);
  const secure = server.protocol === 'https:';
  const agentOptions = {
    keepAlive: true,
    maxSockets: MAX_SOCKETS,
    maxFreeSockets: MAX_SOCKETS,
    scheduling: 'lifo',
  } as const;
  const agent = secure ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
  const base = server.pathname.replace(/\/$/, '');

  /** Credentials are applied to every request, so that rotated tokens and certificates take effect with the next one. */
  const send = async (request: KubeRequest, body: Buffer | undefined): Promise<IncomingMessage> => {
    const search = new URLSearchParams(request.query).toString();
    const target: RequestOptions = {
      method: request.method,
      protocol: server.protocol,
      hostname: server.hostname.replace(/^\[|\]$/g, ''),
      port: server.port === '' ? (secure ? 443 : 80) : server.port,
      path: `${base}${request.path}${search === '' ? '' : `?${search}`}`,
      headers: {
        accept: 'application/json',
        'user-agent': 'podwire',
        ...(body === undefined
          ? {}
          : { 'content-type': request.contentType ?? 'application/json', 'content-length': body.length }),
      },
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    };
    await withinSignal(config.applyToHTTPSOptions(target), request.signal);
    // The library brings an agent of its own that never keeps a connection; it is needed only to reach a proxy.
    if (cluster.proxyUrl === undefined) target.agent = agent;
    return await new Promise((resolve, reject) => {
      const outgoing = (secure ? httpsRequest : httpRequest)(target, resolve);
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        reject(Object.assign(error, { onReusedSocket: outgoing.reusedSocket }));
      });
      outgoing.end(body);
    });
  };

  /** Whether the API does not take the credential, and there is another one to be had. */
  const isRefused = (status: number | undefined): boolean => status === 401 && credential?.refused() === true;

  const withDeadline = async <T>(request: KubeRequest, use: (limited: KubeRequest) => Promise<T>): Promise<T> => {
    const limitMs = Math.round(
      request.deadlineMs === undefined
        ? callLimitMs(options.deadlineMs ?? DEFAULT_DEADLINE_MS)
        : atMostMs(request.deadlineMs),
    );
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
  };

  return {
    call: (request) =>
      withDeadline(request, async (limited) => {
        const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
        const attempt = async () => readAnswer(await send(limited, body));
        try {
          const answer = await attempt();
          return isRefused(answer.status) ? await attempt() : answer;
        } catch (error) {
          // The server closed an idle connection while we were using it. Every call of podwire can be repeated.
          if (isStaleSocket(error)) return await attempt();
          throw error;
        }
      }),
    open: async (request) => {
      // The limit is for the headers only: an abort after them would end the stream, which is for the caller to decide.
      const opened = new AbortController();
      const forward = (): void => {
        opened.abort(request.signal?.reason);
      };
      request.signal?.addEventListener('abort', forward, { once: true });
      if (request.signal?.aborted === true) forward();
      return await withDeadline(request, async (limited) => {
        const onLimit = (): void => {
          opened.abort(limited.signal?.reason);
        };
        limited.signal?.addEventListener('abort', onLimit, { once: true });
        try {
          const answer = await send({ ...request, signal: opened.signal }, undefined);
          // Whoever opens watches tries again by itself, then with another credential.
          isRefused(answer.statusCode);
          return answer;
        } finally {
          limited.signal?.removeEventListener('abort', onLimit);
        }
      });
    },
    close: () => {
      agent.destroy();
    },
  };
}

/** A program that says who we are may hang; it goes on, for the next call. @throws the signal's reason */
async function withinSignal<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  // Who has given up does not hear of it.
  work.catch(() => undefined);
  signal.throwIfAborted();
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
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

function isStaleSocket(error: unknown): boolean {
  const { code, onReusedSocket } = error as { code?: string; onReusedSocket?: boolean };
  return onReusedSocket === true && (code === 'ECONNRESET' || code === 'EPIPE');
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
