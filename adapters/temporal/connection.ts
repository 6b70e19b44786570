/** The connection to the Temporal frontend, shared by everything in a process that starts or signals workflows. */
import { readFileSync } from 'node:fs';
import { Client, Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { PodwireError } from '../../domain/failures.ts';

export interface TemporalOptions {
  /** `host:port`. */
  readonly address: string;
  readonly namespace: string;
  /** Undefined = plain text. All three are paths of PEM files; an empty object means TLS with the system's roots. */
  readonly tls?: {
    readonly caFile?: string | undefined;
    readonly certFile?: string | undefined;
    readonly keyFile?: string | undefined;
    readonly serverName?: string | undefined;
  };
  readonly apiKey?: string | undefined;
}

export interface TemporalClient {
  readonly client: Client;
  readonly namespace: string;
  /** One cheap call with a limit of 2 s. @throws PodwireError `TemporalUnavailable` */
  readonly probe: () => Promise<void>;
  /**
   * What tells this namespace in this database from one of the same name in another: a server that lost its database has another one.
   * @throws PodwireError `TemporalUnavailable`
   */
  readonly identity: () => Promise<string>;
  close(): Promise<void>;
}

const PROBE_DEADLINE_MS = 2_000;
/** grpc-js waits up to two minutes between attempts to connect; a server that came back has to be noticed within seconds. */
const CHANNEL_ARGS = { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 3_000 };

/** The SDK's ten attempts would hide for seconds why a call fails; whoever calls retries with a back-off of its own. */
const RETRIES = defaultGrpcRetryOptions({ maxAttempts: 3, maxIntervalMs: () => 500, initialIntervalMs: () => 100 });

/** TLS files as the SDK wants them; also for a NativeConnection. Throws when a file cannot be read. */
export function tlsOption(tls: TemporalOptions['tls']) {
  if (tls === undefined) return undefined;
  return {
    ...(tls.serverName === undefined ? {} : { serverNameOverride: tls.serverName }),
    ...(tls.caFile === undefined ? {} : { serverRootCACertificate: readFileSync(tls.caFile) }),
    ...(tls.certFile === undefined || tls.keyFile === undefined
      ? {}
      : { clientCertPair: { crt: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) } }),
  };
}

/** Never waits for the server: the first call connects, and a lost connection is made again by the channel with a bounded back-off. */
export function connectClient(options: TemporalOptions): TemporalClient {
  const tls = tlsOption(options.tls);
  const connection = Connection.lazy({
    address: options.address,
    channelArgs: CHANNEL_ARGS,
    interceptors: [makeGrpcRetryInterceptor(RETRIES)],
    ...(tls === undefined ? {} : { tls }),
    ...(options.apiKey === undefined ? {} : { apiKey: options.apiKey }),
  });
  const describe = async () => {
    try {
      return await connection.withDeadline(Date.now() + PROBE_DEADLINE_MS, () =>
        connection.workflowService.describeNamespace({ namespace: options.namespace }),
      );
    } catch (cause) {
      throw temporalUnavailable(`reach Temporal namespace ${options.namespace} at ${options.address}`, cause);
    }
  };
  return {
    client: new Client({ connection, namespace: options.namespace }),
    namespace: options.namespace,
    probe: async () => {
      await describe();
    },
    identity: async () => {
      const { namespaceInfo } = await describe();
      return namespaceInfo?.id ?? '';
    },
    close: () => connection.close(),
  };
}

/** The one shape in which a failed call to the frontend is thrown. */
export function temporalUnavailable(what: string, cause: unknown): PodwireError {
  const reason = cause instanceof Error ? deepest(cause).message : String(cause);
  return new PodwireError('TemporalUnavailable', `Cannot ${what}: ${reason}`, { cause });
}

/** The SDK wraps gRPC errors; the innermost says what happened. */
function deepest(error: Error): Error {
  let current = error;
  for (let depth = 0; depth < 5 && current.cause instanceof Error; depth += 1) current = current.cause;
  return current;
}
