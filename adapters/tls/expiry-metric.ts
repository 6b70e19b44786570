/** How long the certificates of a process are still valid, for an alert before they are not. */
import { Gauge, type Registry } from 'prom-client';
import type { RotatingCredentials } from './rotation.ts';

export function exposeExpiry(registry: Registry, credentials: RotatingCredentials): void {
  new Gauge({
    name: 'podwire_tls_certificate_expiry_seconds',
    help: 'Seconds until the certificate in use expires, by its file; negative afterwards',
    labelNames: ['file'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [file, { to }] of credentials.validities())
        this.set({ file }, Math.round((to.getTime() - Date.now()) / 1_000));
    },
  });
}
