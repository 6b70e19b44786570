/**
 * The one way in which a client of etcd is made.
 *
 * etcd3's own retries are off: they turn a 2 s deadline into 8 s, and the callers have retries of their own. Deadlines are set per call and never on streams, where one would end the watch.
 */
import { rootCertificates } from 'node:tls';
import { circuitBreaker, ConsecutiveBreaker, handleType, noop, retry } from 'cockatiel';
import { Etcd3, GRPCDeadlineExceededError, GRPCUnauthenticatedError, GRPCUnavailableError, type IOptions } from 'etcd3';
import { withConnectLimit } from '../grpc/connect-limit.ts';
import type { Credentials, TlsFiles } from '../tls/credential-files.ts';
import { callLimitMs } from '../concurrency/call-limit.ts';
import { patient } from './patience.ts';
import { readOnce, type CredentialSource, type CredentialStore } from '../tls/rotation.ts';

export interface EtcdOptions {
  /** `host:port`, with or without a scheme. */
  readonly endpoints: readonly string[];
  /** Deadline of each call, in milliseconds. */
  readonly timeoutMs: number;
  /** Its presence turns TLS on. Without a CA those that Node brings are trusted. */
  readonly tls?: TlsFiles;
  /** One of password and its file. */
  readonly auth?: {
    readonly username: string;
    readonly password?: string | undefined;
    readonly passwordFile?: string | undefined;
  };
}

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** How long a member that failed is passed over when there are others. */
const PASSED_OVER_MS = 1_000;

/** Of one call. */
const MAX_LOGINS = 3;

type EtcdCall<T> = (client: Etcd3, replaced: AbortSignal) => PromiseLike<T>;

interface Generation {
  readonly client: Etcd3;
  /** Calls that have not ended. */
  calls: number;
  /** Aborted when another one has taken its place. */
  readonly replaced: AbortController;
}

/** etcd3's client, replaced by another one when certificates or password change: new calls go to the new one, the old one is closed after its last call. */
export class EtcdConnection {
  readonly #options: EtcdOptions;
  readonly #source: CredentialSource;
  readonly #unfollow: () => void;
  #generation: Generation;

  /** @throws CredentialError */
  constructor(options: EtcdOptions, credentials: CredentialStore) {
    const { caFile, certFile, keyFile } = options.tls ?? {};
    this.#options = options;
    this.#source = credentials.source({ caFile, certFile, keyFile, secretFile: options.auth?.passwordFile });
    this.#generation = this.#open();
    this.#unfollow = this.#source.onChange(() => this.#renew());
  }

  /**
   * One call, or a few that belong together; what they throw is thrown. The client must not be kept. Where etcd refuses the token of an
   * earlier login, or a password that was replaced meanwhile, they are made again with a new login: a call that was refused has changed
   * nothing. Both may happen to one call: its token ends with the old password, before the new one was read.
   * @param call its second argument is aborted when credentials have changed: what would go on for long is to end then
   */
  async use<T>(call: EtcdCall<T>): Promise<T> {
    for (let login = 1; ; login += 1) {
      const generation = this.#generation;
      try {
        return await this.#useOf(generation, call);
      } catch (error) {
        const isOldPassword = generation !== this.#generation && isRefusedLogin(error);
        if (this.#options.auth === undefined || login === MAX_LOGINS) throw error;
        if (!isOldPassword && !isStaleLogin(error)) throw error;
        // Whoever comes first replaces it for all.
        if (generation === this.#generation) this.#renew();
      }
    }
  }

  async #useOf<T>(generation: Generation, call: EtcdCall<T>): Promise<T> {
    generation.calls += 1;
    try {
      return await call(generation.client, generation.replaced.signal);
    } finally {
      generation.calls -= 1;
      if (generation.calls === 0 && generation !== this.#generation) generation.client.close();
    }
  }

  /** Ends what is still going on. */
  close(): void {
    this.#unfollow();
    this.#generation.client.close();
  }

  #open(): Generation {
    return { client: newClient(this.#options, this.#source.current), calls: 0, replaced: new AbortController() };
  }

  #renew(): void {
    const old = this.#generation;
    this.#generation = this.#open();
    old.replaced.abort();
    if (old.calls === 0) old.client.close();
  }
}

/**
 * What etcd says of a token that counts no more: it ended, etcd was started anew, or users or roles have changed since (JSON Web Tokens).
 * etcd3 logs in again for the first of these only.
 */
const STALE_LOGIN = /invalid auth token|revision of auth store is old|user name is empty/;

const isStaleLogin = (error: unknown): boolean =>
  error instanceof GRPCUnauthenticatedError || (error instanceof Error && STALE_LOGIN.test(error.message));

const isRefusedLogin = (error: unknown): boolean =>
  error instanceof Error && error.message.includes('authentication failed');

/** Connections are made on first use. @throws CredentialError when the files of TLS or password cannot be used */
export function openEtcd(options: EtcdOptions, credentials: CredentialStore = readOnce): EtcdConnection {
  return new EtcdConnection(options, credentials);
}

function newClient(options: EtcdOptions, now: Credentials): Etcd3 {
  const { tls, auth } = options;
  const scheme = tls === undefined ? 'http' : 'https';
  return new Etcd3({
    hosts: options.endpoints.map((endpoint) => (endpoint.includes('://') ? endpoint : `${scheme}://${endpoint}`)),
    faultHandling: faultHandling(options.endpoints.length),
    dialTimeout: options.timeoutMs,
    defaultCallOptions: (context) =>
      context.isStream ? {} : { deadline: Date.now() + callLimitMs(options.timeoutMs) },
    // A server that comes back is used within a second instead of gRPC's growing pauses of up to two minutes.
    grpcOptions: withConnectLimit({
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.max_reconnect_backoff_ms': 1000,
      // gRPC's default of 4 MB is less than a page of large records.
      'grpc.max_receive_message_length': MAX_ANSWER_BYTES,
      ...(tls?.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': tls.serverName }),
    }),
    ...(tls === undefined ? {} : { credentials: tlsCredentials(now) }),
    ...(auth === undefined ? {} : { auth: { username: auth.username, password: auth.password ?? now.secret ?? '' } }),
  });
}

/** With one dead member of three, every third call would fail: what a member did not take goes to the next one at once. */
function faultHandling(endpoints: number): NonNullable<IOptions['faultHandling']> {
  if (endpoints === 1) return { global: noop, host: () => patient(noop) };
  return {
    global: retry(handleType(GRPCUnavailableError), { maxAttempts: endpoints - 1 }),
    host: () =>
      patient(
        circuitBreaker(handleType(GRPCUnavailableError).orType(GRPCDeadlineExceededError), {
          halfOpenAfter: PASSED_OVER_MS,
          breaker: new ConsecutiveBreaker(1),
        }),
      ),
  };
}

function tlsCredentials({ ca, cert, key }: Credentials) {
  return {
    rootCertificate: ca ?? Buffer.from(rootCertificates.join('\n')),
    ...(key === undefined ? {} : { privateKey: key }),
    ...(cert === undefined ? {} : { certChain: cert }),
  };
}
