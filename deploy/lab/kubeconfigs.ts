/** Kubeconfig files, with their certificates inside so that each file stands alone. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyPair } from './certificates.ts';
import { CONTROL_ADDRESS, PORTS } from './layout.ts';
import type { LabLayout, NodeLayout } from './layout.ts';

export interface ApiserverUrls {
  /** For processes inside the lab's namespaces. */
  readonly inside: string;
  /** For the host, through its loopback. */
  readonly host: string;
}

/** URLs of the lab's API server. */
export function apiserverUrls(hostPort: number): ApiserverUrls {
  return { inside: `https://${CONTROL_ADDRESS}:${PORTS.apiserver}`, host: `https://127.0.0.1:${hostPort}` };
}

/** Path of a kubeconfig file: `admin` (from the host), `admin-inside`, `watcher`, `orchestrator`, `node-n1`, … */
export function kubeconfigPath(lab: LabLayout, name: string): string {
  return join(lab.kubeconfigDir, name);
}

/** Writes all kubeconfigs; the certificates must be there. */
export function writeKubeconfigs(lab: LabLayout, nodes: readonly NodeLayout[], urls: ApiserverUrls): void {
  mkdirSync(lab.kubeconfigDir, { recursive: true, mode: 0o700 });
  write(lab, 'admin', 'admin', urls.host);
  write(lab, 'admin-inside', 'admin', urls.inside);
  const inside = [
    'kube-controller-manager',
    'kube-scheduler',
    'kube-proxy',
    'coredns',
    'watcher',
    'orchestrator',
    'podwire-node',
  ] as const;
  for (const user of inside) write(lab, user, user, urls.inside);
  for (const node of nodes) write(lab, `node-${node.name}`, `node-${node.name}`, urls.inside);
}

function write(lab: LabLayout, file: string, user: Parameters<typeof keyPair>[1], server: string): void {
  const base64 = (path: string): string => readFileSync(path).toString('base64');
  const pair = keyPair(lab, user);
  const name = `lab-${lab.name}`;
  // JSON is YAML.
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': base64(keyPair(lab, 'ca').cert) } }],
    users: [
      { name: user, user: { 'client-certificate-data': base64(pair.cert), 'client-key-data': base64(pair.key) } },
    ],
    contexts: [{ name, context: { cluster: name, user } }],
    'current-context': name,
  };
  const path = kubeconfigPath(lab, file);
  writeFileSync(`${path}.new`, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
