/**
 * The workers' connection to Temporal. It keeps trying while the server is away, with a bounded back-off, for ever, and is replaced by
 * another one when certificates change: workers then make their next call over the new one, and what is at work in them goes on. A lost
 * connection the core makes anew by itself.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { NativeConnection, type Worker } from '@temporalio/worker';
import { withinSignal } from '../adapters/concurrency/within-signal.ts';
import type { Logger } from '../adapters/log/logger.ts';
import { openConnectProxy, type ConnectProxy } from '../adapters/temporal/connect-proxy.ts';
import { temporalCredentials, type TemporalOptions } from '../adapters/temporal/connection.ts';
import { sameTls, type Credentials } from '../adapters/tls/credential-files.ts';
import { readOnce, type CredentialSource, type CredentialStore } from '../adapters/tls/rotation.ts';
import { backOffDelay, type BackOff } from '../domain/concurrency/back-off.ts';
import type { SdkRuntime } from './runtime.ts';

const BACK_OFF: BackOff = { minMs: 500, maxMs: 10_000 };
/** Of an attempt to connect, TLS and the server's first answer in it; the SDK's core sets none. */
const CONNECT_LIMIT_MS = 5_000;

interface Made {
  readonly connection: NativeConnection;
  /** Those it was made with, but for its API key, which may be newer. */
  readonly with: Credentials;
}

/** To which server, and how. */
interface Way {
  readonly options: TemporalOptions;
  readonly source: CredentialSource;
  readonly proxy: ConnectProxy;
  readonly runtime: Pick<SdkRuntime, 'ensure'> | undefined;
}

export class WorkerConnection {
  readonly #way: Way;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  #made: Made;
  #workers: readonly Worker[] = [];
  #unfollow: (() => void) | undefined;
  #renewing = false;

  constructor(way: Way, log: Logger, made: Made) {
    this.#way = way;
    this.#log = log;
    this.#made = made;
  }

  /** For `Worker.create`. */
  get native(): NativeConnection {
    return this.#made.connection;
  }

  /** From now on these workers follow new credentials. To be called once, with all workers that were made with `native`. */
  keepFresh(workers: readonly Worker[]): void {
    this.#workers = workers;
    const renew = (): void => void this.#renew();
    this.#unfollow = this.#way.source.onChange(renew);
    renew();
  }

  /** After the workers have ended. */
  async close(): Promise<void> {
    this.#unfollow?.();
    this.#stopping.abort();
    await this.#made.connection.close();
    this.#way.proxy.close();
  }

  /** One at a time; who comes meanwhile is not needed. */
  async #renew(): Promise<void> {
    const { signal } = this.#stopping;
    if (this.#renewing) return;
    this.#renewing = true;
    try {
      while (this.#made.with !== this.#way.source.current && !signal.aborted) await this.#renewOnce(signal);
    } catch (error) {
      if (!signal.aborted) this.#log.error({ err: error }, 'the connection to Temporal could not be renewed');
    } finally {
      this.#renewing = false;
    }
  }

  async #renewOnce(signal: AbortSignal): Promise<void> {
    const wanted = this.#way.source.current;
    const old = this.#made;
    if (sameTls(wanted, old.with)) {
      if (wanted.secret !== undefined) await old.connection.setApiKey(wanted.secret);
      this.#made = { connection: old.connection, with: wanted };
      this.#log.info({}, 'the new API key is used');
      return;
    }
    const made = await connect(this.#way, this.#log, signal);
    if (signal.aborted) {
      await made.connection.close();
      return;
    }
    for (const worker of this.#workers) worker.connection = made.connection;
    this.#made = made;
    this.#log.info({ address: this.#way.options.address }, 'connected to Temporal with the new certificates');
    await old.connection.close();
  }
}

export interface ConnectOptions {
  readonly credentials?: CredentialStore;
  /** Undefined: the SDK's own. */
  readonly runtime?: Pick<SdkRuntime, 'ensure'>;
  /** Hears why an attempt failed. */
  readonly onFailed?: (why: string) => void;
}

/**
 * Connects, however long it takes.
 *
 * @param signal gives up (and throws) at once. An attempt that nobody answers cannot be called off: after its limit it is left alone, and
 *   another one begins.
 * @throws CredentialError
 */
export async function connectWorker(
  options: TemporalOptions,
  log: Logger,
  signal: AbortSignal,
  { credentials = readOnce, runtime, onFailed }: ConnectOptions = {},
): Promise<WorkerConnection> {
  const source = temporalCredentials(options, credentials);
  const proxy = await openConnectProxy(options.address, (why) =>
    log.warn({ why }, 'answers to Temporal may be sent up to 40 ms late'),
  );
  const way = { options, source, proxy, runtime };
  try {
    return new WorkerConnection(way, log, await connect(way, log, signal, onFailed));
  } catch (error) {
    way.proxy.close();
    throw error;
  }
}

/** Each attempt is made with the newest credentials. */
async function connect(
  { options, source, proxy, runtime }: Way,
  log: Logger,
  signal: AbortSignal,
  onFailed: (why: string) => void = () => undefined,
): Promise<Made> {
  for (let failures = 1; ; failures += 1) {
    const now = source.current;
    const apiKey = options.apiKey ?? now.secret;
    let connecting: Promise<NativeConnection> | undefined;
    try {
      await runtime?.ensure();
      connecting = NativeConnection.connect({
        address: options.address,
        tls: nativeTls(options, now),
        proxy: { type: 'http-connect', targetHost: proxy.address },
        ...(apiKey === undefined ? {} : { apiKey }),
      });
      const connection = await withinSignal(
        connecting,
        AbortSignal.any([signal, AbortSignal.timeout(CONNECT_LIMIT_MS)]),
      );
      return { connection, with: now };
    } catch (error) {
      // One that comes late is not wanted any more.
      connecting?.then((late) => late.close()).catch(() => undefined);
      if (signal.aborted) throw error;
      onFailed(proxy.lastFailure ?? (error instanceof Error ? error.message : String(error)));
      const delay = backOffDelay(BACK_OFF, failures, Math.random);
      log.warn(
        { err: error, why: proxy.lastFailure, address: options.address, retryInMs: Math.round(delay) },
        'Temporal does not answer yet',
      );
      await sleep(delay, undefined, { signal });
    }
  }
}

/** `false` where TLS is off: an API key would turn it on. */
function nativeTls({ tls }: TemporalOptions, { ca, cert, key }: Credentials) {
  if (tls === undefined) return false;
  return {
    ...(tls.serverName === undefined ? {} : { serverNameOverride: tls.serverName }),
    ...(ca === undefined ? {} : { serverRootCACertificate: ca }),
    ...(cert === undefined || key === undefined ? {} : { clientCertPair: { crt: cert, key } }),
  };
}
