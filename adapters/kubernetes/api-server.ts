/** Requests to the Kubernetes API server, as whoever the kubeconfig says, over connections that are kept. How long one may take is for the caller. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { withinSignal } from '../concurrency/within-signal.ts';
import { KubeConfigError } from './kube-config-error.ts';
import { loadConfig, type LoadedConfig } from './kube-config.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** Absolute path with escaped segments, without query; see `apiPath`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

const MAX_SOCKETS = 16;

export class ApiServer {
  readonly #loaded: LoadedConfig;
  readonly #server: URL;
  readonly #proxyUrl: string | undefined;
  readonly #agent: HttpAgent;

  /** Makes no connection. @throws KubeConfigError that names the file when it is missing or broken */
  constructor(kubeconfig: string | undefined, context?: string) {
    this.#loaded = loadConfig(kubeconfig, context);
    const cluster = this.#loaded.config.getCurrentCluster();
    if (cluster === null) {
      throw new KubeConfigError(
        `Kubeconfig ${kubeconfig ?? '(in-cluster)'} names no cluster. Set current-context in it.`,
      );
    }
    this.#server = new URL(cluster.server);
    this.#proxyUrl = cluster.proxyUrl;
    const agentOptions = {
      keepAlive: true,
      maxSockets: MAX_SOCKETS,
      maxFreeSockets: MAX_SOCKETS,
      scheduling: 'lifo',
    } as const;
    this.#agent = this.#isSecure ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
  }

  /** `host:port`, for people. */
  get host(): string {
    return this.#server.host;
  }

  /**
   * Resolves with the headers of the answer. Credentials are applied to every request, so that rotated tokens and certificates take effect
   * with the next one.
   *
   * @throws what Node throws when there is no answer, see `isStaleSocket`; the signal's reason
   */
  async send(request: ApiRequest, body: Buffer | undefined): Promise<IncomingMessage> {
    const target = this.#target(request, body);
    const authorizing = this.#loaded.config.applyToHTTPSOptions(target);
    // A program that says who we are may hang; it goes on, for the next call.
    await (request.signal === undefined ? authorizing : withinSignal(authorizing, request.signal));
    // The library brings an agent of its own that never keeps a connection; it is needed only to reach a proxy.
    if (this.#proxyUrl === undefined) target.agent = this.#agent;
    return await new Promise((resolve, reject) => {
      const outgoing = (this.#isSecure ? httpsRequest : httpRequest)(target, resolve);
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        reject(Object.assign(error, { onReusedSocket: outgoing.reusedSocket }));
      });
      outgoing.end(body);
    });
  }

  /** Whether the API does not take the credential, and there is another one to be had. */
  isRefused(status: number | undefined): boolean {
    return status === 401 && this.#loaded.credential?.refused() === true;
  }

  close(): void {
    this.#agent.destroy();
  }

  get #isSecure(): boolean {
    return this.#server.protocol === 'https:';
  }

  #target(request: ApiRequest, body: Buffer | undefined): RequestOptions {
    const server = this.#server;
    const base = server.pathname.replace(/\/$/, '');
    const search = new URLSearchParams(request.query).toString();
    return {
      method: request.method,
      protocol: server.protocol,
      hostname: server.hostname.replace(/^\[|\]$/g, ''),
      port: server.port === '' ? (this.#isSecure ? 443 : 80) : server.port,
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
  }
}

/** Whether the server closed an idle connection while a request was put on it. */
export function isStaleSocket(error: unknown): boolean {
  const { code, onReusedSocket } = error as { code?: string; onReusedSocket?: boolean };
  return onReusedSocket === true && (code === 'ECONNRESET' || code === 'EPIPE');
}
