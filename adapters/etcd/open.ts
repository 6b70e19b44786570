/**
 * The one way in which a client of etcd is made.
 *
 * etcd3's own fault handling is off: its retries turn a 2 s deadline into 8 s, and the callers have retries of their own.
 * Deadlines are set per call and never on streams, where one would end the watch.
 */
import { rootCertificates } from 'node:tls';
import { noop } from 'cockatiel';
import { Etcd3, type IOptions } from 'etcd3';

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

const NO_RETRIES: NonNullable<IOptions['faultHandling']> = { global: noop, host: () => noop };

/** Connections are made on first use. */
export function openEtcd(options: EtcdOptions, faultHandling: IOptions['faultHandling'] = NO_RETRIES): Etcd3 {
  const scheme = options.tls === undefined ? 'http' : 'https';
  return new Etcd3({
    hosts: options.endpoints.map((endpoint) => (endpoint.includes('://') ? endpoint : `${scheme}://${endpoint}`)),
    faultHandling,
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

function tlsCredentials(tls: NonNullable<EtcdOptions['tls']>) {
  return {
    rootCertificate: tls.ca ?? Buffer.from(rootCertificates.join('\n')),
    ...(tls.key === undefined ? {} : { privateKey: tls.key }),
    ...(tls.cert === undefined ? {} : { certChain: tls.cert }),
  };
}
