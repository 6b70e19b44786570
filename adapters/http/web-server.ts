/** An HTTP or HTTPS server with limits, and optionally with names and passwords. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface WebServerOptions {
  /** `host:port`, `[v6]:port` or `:port` (every address); port 0 lets the system choose. */
  readonly bindAddress: string;
  /** All in milliseconds but `headerBytes`; what is undefined has a default. */
  readonly limits?: {
    /** From the first to the last byte of a request. */
    readonly requestMs?: number | undefined;
    readonly headersMs?: number | undefined;
    /** From the end of the request to the last byte of the answer. */
    readonly answerMs?: number | undefined;
    /** Between two requests of one connection. */
    readonly idleMs?: number | undefined;
    readonly headerBytes?: number | undefined;
  };
  /** PEM texts; their presence turns HTTPS on. With client CAs, only clients with a certificate of one of them are served. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer; readonly clientCas: readonly Buffer[] } | undefined;
  /** When there are any, nobody else is answered (HTTP basic authentication). */
  readonly users?: readonly User[];
  /** Must not reject. */
  readonly handle: (request: IncomingMessage) => Promise<Answer>;
}

interface User {
  readonly name: string;
  readonly password: string;
}

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface WebServer {
  /** Where it listens, as `host:port`. */
  readonly address: string;
  /** Stops listening and ends open connections, idle keep-alive ones first. */
  stop(): Promise<void>;
}

const DEFAULTS = { requestMs: 5_000, answerMs: 30_000, idleMs: 5_000 };
const MAX_CONNECTIONS = 100;
/** How often the time of requests is looked at. Node's 30 s wake an idle process twice as often; a slow client has one of a hundred connections that much longer. */
const CHECK_MS = 60_000;
const STOP_GRACE_MS = 1_000;

/** Starts the server; rejects when the address is refused or taken, or the certificate is none. */
export async function startWebServer(options: WebServerOptions): Promise<WebServer> {
  const { limits = {}, tls } = options;
  const settings = {
    connectionsCheckingInterval: CHECK_MS,
    ...(limits.headerBytes === undefined ? {} : { maxHeaderSize: limits.headerBytes }),
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void =>
    void answer(request, response, options);
  const server: Server =
    tls === undefined
      ? createServer(settings, listener)
      : createSecureServer({ ...settings, ...tlsSettings(tls) }, listener);
  server.requestTimeout = limits.requestMs ?? DEFAULTS.requestMs;
  server.headersTimeout = Math.min(limits.headersMs ?? server.requestTimeout, server.requestTimeout);
  server.keepAliveTimeout = limits.idleMs ?? DEFAULTS.idleMs;
  server.maxConnections = MAX_CONNECTIONS;
  const { host, port } = splitAddress(options.bindAddress);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const bound = server.address() as AddressInfo;
  const shown = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return { address: `${shown}:${bound.port}`, stop: () => stop(server) };
}

const tlsSettings = ({ cert, key, clientCas }: NonNullable<WebServerOptions['tls']>) => ({
  cert,
  key,
  ...(clientCas.length === 0 ? {} : { ca: [...clientCas], requestCert: true, rejectUnauthorized: true }),
});

async function answer(request: IncomingMessage, response: ServerResponse, options: WebServerOptions): Promise<void> {
  // No route reads a body; one that is sent is taken off the wire, so that the connection can be used again.
  request.resume();
  const slow = setTimeout(() => response.destroy(), options.limits?.answerMs ?? DEFAULTS.answerMs);
  response.once('close', () => clearTimeout(slow));
  const { status, type, body, headers } = isAllowed(request, options.users ?? [])
    ? await options.handle(request)
    : FORBIDDEN;
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...headers });
  response.end(request.method === 'HEAD' ? undefined : body);
}

const FORBIDDEN: Answer = {
  status: 401,
  type: 'text/plain; charset=utf-8',
  body: 'invalid username or password\n',
  headers: { 'www-authenticate': 'Basic realm="podwire"' },
};

function isAllowed(request: IncomingMessage, users: readonly User[]): boolean {
  if (users.length === 0) return true;
  const [, token = ''] = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(request.headers.authorization ?? '') ?? [];
  const given = digest(Buffer.from(token, 'base64').toString('utf8'));
  // All of them are compared, in a time that tells nothing about who exists.
  return users.map(({ name, password }) => timingSafeEqual(given, digest(`${name}:${password}`))).includes(true);
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

async function stop(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeIdleConnections();
    setTimeout(() => {
      server.closeAllConnections();
    }, STOP_GRACE_MS).unref();
  });
}

/** Splits `host:port`; throws an Error that names the address. */
export function splitAddress(address: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^[\]:]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new Error(`Address "${address}" is not host:port. Write for example 127.0.0.1:9464, [::1]:9464 or :9464.`);
  }
  return { host: match[1] ?? match[2] ?? '', port };
}
