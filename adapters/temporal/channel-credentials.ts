/**
 * TLS of a gRPC channel whose certificates change: each new connection of the channel is made with the newest ones, the one that is open
 * goes on, and whoever holds the client notices nothing.
 */
import { rootCertificates } from 'node:tls';
import { experimental, type ChannelCredentials } from '@grpc/grpc-js';
import type { CredentialSource } from '../tls/rotation.ts';

type Provider = Parameters<typeof experimental.createCertificateProviderChannelCredentials>[0];
type CaListener = Parameters<Provider['addCaCertificateListener']>[0];
type IdentityListener = Parameters<Provider['addIdentityCertificateListener']>[0];

export function rotatingChannelCredentials(source: CredentialSource): ChannelCredentials {
  const provider = new SourceProvider(source);
  const hasIdentity = source.current.cert !== undefined;
  return experimental.createCertificateProviderChannelCredentials(provider, hasIdentity ? provider : null);
}

/** gRPC's provider of certificates on a source; a listener is told what holds at once, and whatever comes after it. */
class SourceProvider implements Provider {
  readonly #source: CredentialSource;
  readonly #ends = new Map<CaListener | IdentityListener, () => void>();

  constructor(source: CredentialSource) {
    this.#source = source;
  }

  addCaCertificateListener(listener: CaListener): void {
    this.#tell(listener, () => {
      const { ca } = this.#source.current;
      listener({ caCertificate: ca ?? Buffer.from(rootCertificates.join('\n')) });
    });
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.#forget(listener);
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#tell(listener, () => {
      const { cert, key } = this.#source.current;
      listener(cert === undefined || key === undefined ? null : { certificate: cert, privateKey: key });
    });
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#forget(listener);
  }

  #tell(listener: CaListener | IdentityListener, tell: () => void): void {
    this.#ends.set(listener, this.#source.onChange(tell));
    tell();
  }

  #forget(listener: CaListener | IdentityListener): void {
    this.#ends.get(listener)?.();
    this.#ends.delete(listener);
  }
}
