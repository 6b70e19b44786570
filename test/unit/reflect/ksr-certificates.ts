/** A CA, a server and a client certificate of it, made by openssl for one test. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from '../../../deploy/lab/commands.ts';

interface Pair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface TestCertificates {
  /** Folder with `ca.pem`, `server.pem`, `server.key`, `client.pem`, `client.key`. */
  readonly dir: string;
  readonly ca: Buffer;
  /** For localhost and 127.0.0.1. */
  readonly server: Pair;
  readonly client: Pair;
  remove(): void;
}

const CONFIG = `[req]
distinguished_name = subject
prompt = no
[subject]
[ca]
basicConstraints = critical, CA:TRUE
[server]
subjectAltName = DNS:localhost, IP:127.0.0.1
extendedKeyUsage = serverAuth
[client]
extendedKeyUsage = clientAuth
`;

export async function testCertificates(): Promise<TestCertificates> {
  const dir = mkdtempSync(join(tmpdir(), 'podwire-certificates-'));
  const file = (name: string): string => join(dir, name);
  writeFileSync(file('openssl.cnf'), CONFIG);
  for (const kind of ['ca', 'server', 'client']) {
    await must('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-config', file('openssl.cnf'), '-extensions', kind, '-subj', `/CN=test ${kind}`],
      ...(kind === 'ca' ? [] : ['-CA', file('ca.pem'), '-CAkey', file('ca.key')]),
      ...['-keyout', file(`${kind}.key`), '-out', file(`${kind}.pem`)],
    ]);
  }
  const pair = (name: string): Pair => ({
    cert: readFileSync(file(`${name}.pem`)),
    key: readFileSync(file(`${name}.key`)),
  });
  return {
    dir,
    ca: readFileSync(file('ca.pem')),
    server: pair('server'),
    client: pair('client'),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}
