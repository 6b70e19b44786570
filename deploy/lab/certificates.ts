/** The lab's certificate authority and certificates, made by openssl: P-256 keys, valid for ten years, gone with the lab. */
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from './commands.ts';
import { CONTROL_ADDRESS, SERVICE_ADDRESS } from './layout.ts';
import type { LabLayout, NodeLayout } from './layout.ts';

export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

const DAYS = '3650';

/** Users of the lab's API server: file name → certificate subject (Kubernetes reads CN as user and O as group). */
const USERS = {
  admin: '/O=system:masters/CN=lab-admin',
  'kubelet-client': '/O=system:masters/CN=lab-kube-apiserver',
  'kube-controller-manager': '/CN=system:kube-controller-manager',
  'kube-scheduler': '/CN=system:kube-scheduler',
  'kube-proxy': '/CN=system:kube-proxy',
  coredns: '/CN=lab-coredns',
  // podwire's processes beside the cluster have the names of its service accounts, so its manifests' rights and limits are theirs.
  watcher: '/CN=system:serviceaccount:podwire-system:podwire-watcher',
  orchestrator: '/CN=system:serviceaccount:podwire-system:podwire-orchestrator',
  'podwire-node': '/CN=system:serviceaccount:podwire-system:podwire-node',
} as const;

export type LabUser = keyof typeof USERS;

/** Where a certificate and its key lie. */
export function keyPair(lab: LabLayout, name: LabUser | 'ca' | 'apiserver' | `node-${string}`): KeyPair {
  return { cert: join(lab.pkiDir, `${name}.crt`), key: join(lab.pkiDir, `${name}.key`) };
}

/** Key that signs service account tokens. */
export function serviceAccountKey(lab: LabLayout): string {
  return join(lab.pkiDir, 'service-account.key');
}

/** Makes what is missing. */
export async function ensureCertificates(lab: LabLayout, nodes: readonly NodeLayout[]): Promise<void> {
  mkdirSync(lab.pkiDir, { recursive: true, mode: 0o700 });
  writeFileSync(configFile(lab), opensslConfig());
  await issue(lab, 'ca', `/CN=podwire lab ${lab.name}`);
  await issue(lab, 'apiserver', '/CN=kube-apiserver');
  for (const [name, subject] of Object.entries(USERS)) await issue(lab, name as LabUser, subject);
  for (const node of nodes) await issue(lab, `node-${node.name}`, `/O=system:nodes/CN=system:node:${node.name}`);
  await ensureServiceAccountKey(lab);
}

async function issue(lab: LabLayout, name: Parameters<typeof keyPair>[1], subject: string): Promise<void> {
  const pair = keyPair(lab, name);
  if (existsSync(pair.cert)) return;
  const kind = name === 'ca' || name === 'apiserver' ? name : 'client';
  const ca = keyPair(lab, 'ca');
  await must('openssl', [
    ...[
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-sha256',
      '-days',
      DAYS,
    ],
    ...['-config', configFile(lab), '-extensions', kind, '-subj', subject],
    ...(name === 'ca' ? [] : ['-CA', ca.cert, '-CAkey', ca.key]),
    ...['-keyout', pair.key, '-out', `${pair.cert}.new`],
  ]);
  // The key is there before the certificate gets its name: a crash in between makes both anew.
  renameSync(`${pair.cert}.new`, pair.cert);
}

async function ensureServiceAccountKey(lab: LabLayout): Promise<void> {
  const file = serviceAccountKey(lab);
  if (existsSync(file)) return;
  await must('openssl', ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', `${file}.new`]);
  renameSync(`${file}.new`, file);
}

function configFile(lab: LabLayout): string {
  return join(lab.pkiDir, 'openssl.cnf');
}

function opensslConfig(): string {
  const names = [
    'localhost',
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
  ];
  const addresses = ['127.0.0.1', CONTROL_ADDRESS, SERVICE_ADDRESS];
  return `[req]
distinguished_name = subject
prompt = no
[subject]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[apiserver]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = ${[...names.map((name) => `DNS:${name}`), ...addresses.map((address) => `IP:${address}`)].join(', ')}
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
`;
}
