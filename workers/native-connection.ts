/**
 * The workers' connection to Temporal. It keeps trying while the server is away, with a bounded back-off, for ever, and is replaced by
 * another one when certificates change, or when nothing has come over it for a while: workers then make their next call over the new
 * one, and what is at work in them goes on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { isGrpcServiceError } from '@temporalio/client';
import { NativeConnection, type Worker } from '@temporalio/worker';
import type { Logger } from '../adapters/log/logger.ts';
import { temporalCredentials, type TemporalOptions } from '../adapters/temporal/connection.ts';
import { sameTls, type Credentials } from '../adapters/tls/credential-files.ts';
import { readOnce, type CredentialSource, type CredentialStore } from '../adapters/tls/rotation.ts';

const PAUSE_MS = { first: 500, longest: 10_000 };
/**
 * The SDK's core sets no limit to an attempt to connect, and TCP gives up after two minutes by Linux's default: as long hangs one that was
 * begun while a Service changed its pod, since connection tracking binds it to the old pod.
 */
const CONNECT_LIMIT_MS = 5_000;
/** How often a connection is asked whether it still is one. Each worker's process asks the server for a constant. */
const LOOK_MS = { every: 15_000, limit: 5_000 };

interface Made {
  readonly connection: NativeConnection;
  /** Those it was made with, but for its API key, which may be newer. */
  readonly with: Credentials;
}

export class WorkerConnection {
  readonly #options: TemporalOptions;
  readonly #source: CredentialSource;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  #made: Made;
  #workers: readonly Worker[] = [];
  #unfollow: (() => void) | undefined;
  #renewing = false;

  constructor(options: TemporalOptions, source: CredentialSource, log: Logger, made: Made) {
    this.#options = options;
    this.#source = source;
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
    this.#unfollow = this.#source.onChange(renew);
    renew();
    void this.#watch();
  }

  /** After the workers have ended. */
  async close(): Promise<void> {
    this.#unfollow?.();
    this.#stopping.abort();
    await this.#made.connection.close();
  }

  async #renew(): Promise<void> {
    const { signal } = this.#stopping;
    await this.#exclusively(async () => {
      while (this.#made.with !== this.#source.current && !signal.aborted) await this.#renewOnce(signal);
    });
  }

  /** One at a time; who comes meanwhile is not needed. */
  async #exclusively(work: () => Promise<void>): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    try {
      await work();
    } catch (error) {
      if (!this.#stopping.signal.aborted)
        this.#log.error({ err: error }, 'the connection to Temporal could not be renewed');
    } finally {
      this.#renewing = false;
    }
  }

  /** The core connects anew by itself, in most cases sooner than this; a connection that hangs it keeps. */
  async #watch(): Promise<void> {
    const { signal } = this.#stopping;
    while (await sleep(LOOK_MS.every, true, { signal }).catch(() => false)) {
      const looked = this.#made;
      const why = await whyDead(looked.connection);
      if (why === undefined || looked !== this.#made || this.#renewing || signal.aborted) continue;
      this.#log.warn({ why, address: this.#options.address }, 'the connection to Temporal is made anew');
      await this.#exclusively(() => this.#replace(signal, 'connected to Temporal again'));
      // Credentials that changed meanwhile.
      await this.#renew();
    }
  }

  async #renewOnce(signal: AbortSignal): Promise<void> {
    const wanted = this.#source.current;
    const old = this.#made;
    if (sameTls(wanted, old.with)) {
      if (wanted.secret !== undefined) await old.connection.setApiKey(wanted.secret);
      this.#made = { connection: old.connection, with: wanted };
      this.#log.info({}, 'the new API key is used');
      return;
    }
    await this.#replace(signal, 'connected to Temporal with the new certificates');
  }

  async #replace(signal: AbortSignal, what: string): Promise<void> {
    const old = this.#made;
    const made = await connect(this.#options, this.#source, this.#log, signal);
    if (signal.aborted) {
      await made.connection.close();
      return;
    }
    for (const worker of this.#workers) worker.connection = made.connection;
    this.#made = made;
    this.#log.info({ address: this.#options.address }, what);
    await old.connection.close();
  }
}

const NO_ANSWER: readonly number[] = [status.UNAVAILABLE, status.DEADLINE_EXCEEDED];

/** Undefined when the server answers over it, and be it by a refusal. */
async function whyDead(connection: NativeConnection): Promise<string | undefined> {
  try {
    // The core does not count the time that it takes to connect to a call's deadline.
    const late = AbortSignal.timeout(LOOK_MS.limit);
    await orAborted(connection.workflowService.getSystemInfo({}), late);
    return undefined;
  } catch (error) {
    if (isGrpcServiceError(error) && !NO_ANSWER.includes(error.code)) return undefined;
    return error instanceof Error ? error.message : String(error);
  }
}

export interface ConnectOptions {
  readonly credentials?: CredentialStore;
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
  { credentials = readOnce, onFailed }: ConnectOptions = {},
): Promise<WorkerConnection> {
  const source = temporalCredentials(options, credentials);
  return new WorkerConnection(options, source, log, await connect(options, source, log, signal, onFailed));
}

/** Each attempt is made with the newest credentials. */
async function connect(
  options: TemporalOptions,
  source: CredentialSource,
  log: Logger,
  signal: AbortSignal,
  onFailed: (why: string) => void = () => undefined,
): Promise<Made> {
  for (let pause = PAUSE_MS.first; ; pause = Math.min(pause * 2, PAUSE_MS.longest)) {
    const now = source.current;
    const apiKey = options.apiKey ?? now.secret;
    let connecting: Promise<NativeConnection> | undefined;
    try {
      connecting = NativeConnection.connect({
        address: options.address,
        tls: nativeTls(options, now),
        ...(apiKey === undefined ? {} : { apiKey }),
      });
      const connection = await orAborted(connecting, AbortSignal.any([signal, AbortSignal.timeout(CONNECT_LIMIT_MS)]));
      return { connection, with: now };
    } catch (error) {
      // One that comes late is not wanted any more.
      connecting?.then((late) => late.close()).catch(() => undefined);
      if (signal.aborted) throw error;
      onFailed(error instanceof Error ? error.message : String(error));
      log.warn({ err: error, address: options.address, retryInMs: pause }, 'Temporal does not answer yet');
      await sleep(pause * (0.75 + Math.random() / 2), undefined, { signal });
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

/** The result, or a rejection as soon as the signal is aborted. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const abandon = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    const give = (): void => reject(signal.reason as Error);
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true, signal: abandon.signal });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    abandon.abort();
  }
}
