/** The cluster's DNS: CoreDNS beside the control plane, behind the Service kube-dns as in any cluster. It knows the cluster's names and no others. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Binaries } from './binaries.ts';
import { kubeconfigPath } from './kubeconfigs.ts';
import { CLUSTER_DOMAIN, PORTS, type LabLayout } from './layout.ts';
import type { PartSpec } from './parts.ts';

/** CoreDNS and the file that it reads. */
export function clusterDns(lab: LabLayout, binaries: Binaries): PartSpec {
  return {
    name: 'coredns',
    netnsPath: lab.controlNetnsPath,
    file: binaries.coredns,
    args: ['-conf', corefilePath(lab)],
    env: {},
  };
}

/** Writes CoreDNS' configuration; the kubeconfig that it names must be there when CoreDNS starts. */
export function writeCorefile(lab: LabLayout): void {
  mkdirSync(lab.dir, { recursive: true });
  writeFileSync(corefilePath(lab), corefile(lab));
}

/** Whether CoreDNS has seen the cluster's Services and serves. */
export const dnsReadyUrl = `http://127.0.0.1:${PORTS.dnsReady}/ready`;

function corefilePath(lab: LabLayout): string {
  return join(lab.dir, 'Corefile');
}

/** A name of another domain is answered at once, with REFUSED: there is nobody to ask. */
function corefile(lab: LabLayout): string {
  return `.:${PORTS.dns} {
    errors
    ready 127.0.0.1:${PORTS.dnsReady}
    kubernetes ${CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {
        kubeconfig ${kubeconfigPath(lab, 'coredns')}
        pods insecure
        ttl 5
    }
    cache 5
    loop
}
`;
}
