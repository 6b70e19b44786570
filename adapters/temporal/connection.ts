/** The connection to the Temporal frontend, shared by everything in a process that starts or signals workflows. */
import { Client, Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { PodwireError } from '../../domain/failures.ts';
import { atMostMs } from '../concurrency/call-limit.ts';
import { withConnectLimit } from '../grpc/connect-limit.ts';
import type { TlsFiles } from '../tls/credential-files.ts';
import { readOnce, type CredentialSource, type CredentialStore } from '../tls/rotation.ts';
import { traceHeaders } from './trace-headers.ts';
import { rotatingChannelCredentials } from './channel-credentials.ts';

export interface TemporalOptions {
  /** `host:port`. */
  readonly address: string;
  readonly namespace: string;
  /** Undefined = plain text; an empty object means TLS with the authorities that Node brings. */
  readonly tls?: TlsFiles;
  readonly apiKey?: string | undefined;
  /** Instead of `apiKey`, for keys that change. */
  readonly apiKeyFile?: string | undefined;
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

interface ClientUse {
  /**
   * Without a call for so long, the connection is closed until the next one, for clients that call seldom: one that is kept is asked every
   * 30 s whether it still is there. Undefined: half an hour, gRPC's default.
   */
  readonly idleMs?: number;
}

const PROBE_DEADLINE_MS = 2_000;
/** grpc-js waits up to two minutes between attempts to connect; a server that came back has to be noticed within seconds. */
const CHANNEL_ARGS = { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 3_000 };

/** The SDK's ten attempts would hide for seconds why a call fails; whoever calls retries with a back-off of its own. */
const RETRIES = defaultGrpcRetryOptions({ maxAttempts: 3, maxIntervalMs: () => 500, initialIntervalMs: () => 100 });

/** Files and API key of the connection to Temporal. @throws CredentialError */
export function temporalCredentials(options: TemporalOptions, credentials: CredentialStore): CredentialSource {
  const { caFile, certFile, keyFile } = options.tls ?? {};
  return credentials.source({ caFile, certFile, keyFile, secretFile: options.apiKeyFile });
}

/**
 * Never waits for the server: the first call connects, and a lost connection is made again by the channel with a bounded back-off, with the
 * certificates of that moment. The API key is that of each call's moment.
 */
export function connectClient(
  options: TemporalOptions,
  credentials: CredentialStore = readOnce,
  { idleMs }: ClientUse = {},
): TemporalClient {
  const source = temporalCredentials(options, credentials);
  const { tls } = options;
  const serverName =
    tls?.serverName === undefined
      ? {}
      : { 'grpc.ssl_target_name_override': tls.serverName, 'grpc.default_authority': tls.serverName };
  const connection = Connection.lazy({
    address: options.address,
    channelArgs: withConnectLimit({
      ...CHANNEL_ARGS,
      ...serverName,
      ...(idleMs === undefined ? {} : { 'grpc.client_idle_timeout_ms': idleMs }),
    }),
    interceptors: [makeGrpcRetryInterceptor(RETRIES)],
    ...(tls === undefined ? {} : { credentials: rotatingChannelCredentials(source) }),
  });
  // As an option it would be refused beside `credentials`, and would turn on TLS where it was turned off.
  if (options.apiKey !== undefined || options.apiKeyFile !== undefined)
    connection.setApiKey(() => options.apiKey ?? source.current.secret ?? '');
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
    client: new Client({ connection, namespace: options.namespace, interceptors: { workflow: [traceHeaders] } }),
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

/**
 * Calls of the frontend that together have so many milliseconds, or what is left of the work that they are made for.
 * @param what of "Cannot …"
 * @throws PodwireError `TemporalUnavailable`
 */
export async function bounded<T>(client: Client, what: string, limitMs: number, work: () => Promise<T>): Promise<T> {
  try {
    return await client.withDeadline(Date.now() + atMostMs(limitMs), work);
  } catch (cause) {
    throw temporalUnavailable(what, cause);
  }
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
