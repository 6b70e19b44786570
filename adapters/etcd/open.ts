/**
 * The one way in which a client of etcd is made.
 *
 * etcd3's own retries are off: they turn a 2 s deadline into 8 s, and the callers have retries of their own. Deadlines are set per call and never on streams, where one would end the watch.
 */
import { rootCertificates } from 'node:tls';
import { circuitBreaker, ConsecutiveBreaker, handleType, noop, retry } from 'cockatiel';
import { Etcd3, GRPCDeadlineExceededError, GRPCUnavailableError, type IOptions } from 'etcd3';

export interface EtcdOptions {
  /** `host:port`, with or without a scheme. */
  readonly endpoints: readonly string[];
  /** Deadline of each call, in milliseconds. */
  readonly timeoutMs: number;
  /** PEM texts; their presence turns TLS on. Without a CA those that Node brings are trusted. */
  readonly tls?: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
  readonly auth?: { readonly username: string; readonly password: string };
}

const MAX_LISTING_BYTES = 64 * 1024 * 1024;

/** How long a member that failed is passed over when there are others. */
const PASSED_OVER_MS = 1_000;

/** Connections are made on first use. */
export function openEtcd(options: EtcdOptions): Etcd3 {
  const scheme = options.tls === undefined ? 'http' : 'https';
  return new Etcd3({
    hosts: options.endpoints.map((endpoint) => (endpoint.includes('://') ? endpoint : `${scheme}://${endpoint}`)),
    faultHandling: faultHandling(options.endpoints.length),
    dialTimeout: options.timeoutMs,
    defaultCallOptions: (context) => (context.isStream ? {} : { deadline: Date.now() + options.timeoutMs }),
    // A server that comes back is used within a second instead of gRPC's growing pauses of up to two minutes.
    grpcOptions: {
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.max_reconnect_backoff_ms': 1000,
      // gRPC's default of 4 MB is less than a listing of 20,000 pods' marks.
      'grpc.max_receive_message_length': MAX_LISTING_BYTES,
    },
    ...(options.tls === undefined ? {} : { credentials: tlsCredentials(options.tls) }),
    ...(options.auth === undefined ? {} : { auth: options.auth }),
  });
}

/** With one dead member of three, every third call would fail: what a member did not take goes to the next one at once. */
function faultHandling(endpoints: number): NonNullable<IOptions['faultHandling']> {
  if (endpoints === 1) return { global: noop, host: () => noop };
  return {
    global: retry(handleType(GRPCUnavailableError), { maxAttempts: endpoints - 1 }),
    host: () =>
      circuitBreaker(handleType(GRPCUnavailableError).orType(GRPCDeadlineExceededError), {
        halfOpenAfter: PASSED_OVER_MS,
        breaker: new ConsecutiveBreaker(1),
      }),
  };
}

function tlsCredentials(tls: NonNullable<EtcdOptions['tls']>) {
  return {
    rootCertificate: tls.ca ?? Buffer.from(rootCertificates.join('\n')),
    ...(tls.key === undefined ? {} : { privateKey: tls.key }),
    ...(tls.cert === undefined ? {} : { certChain: tls.cert }),
  };
}
