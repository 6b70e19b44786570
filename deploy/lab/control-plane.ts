/** The parts of the control namespace that make the Kubernetes API. */
import { kubeconfigPath } from './kubeconfigs.ts';
import type { Binaries } from './binaries.ts';
import { keyPair, serviceAccountKey } from './certificates.ts';
import { CONTROL_ADDRESS, PORTS, SERVICE_CIDR } from './layout.ts';
import type { LabLayout } from './layout.ts';
import type { PartSpec } from './parts.ts';

/** The API server; the port of the host's loopback does not appear in it. */
export function kubeApiserver(lab: LabLayout, binaries: Binaries): PartSpec {
  const serving = keyPair(lab, 'apiserver');
  const toKubelets = keyPair(lab, 'kubelet-client');
  return control(lab, 'kube-apiserver', binaries['kube-apiserver'], [
    `--etcd-servers=http://127.0.0.1:${PORTS.kubernetesEtcd}`,
    // A namespace without a default route has no address to guess.
    `--advertise-address=${CONTROL_ADDRESS}`,
    `--secure-port=${PORTS.apiserver}`,
    `--client-ca-file=${keyPair(lab, 'ca').cert}`,
    `--tls-cert-file=${serving.cert}`,
    `--tls-private-key-file=${serving.key}`,
    `--kubelet-client-certificate=${toKubelets.cert}`,
    `--kubelet-client-key=${toKubelets.key}`,
    // Else exec and logs look node names up in DNS.
    '--kubelet-preferred-address-types=InternalIP',
    `--service-account-key-file=${serviceAccountKey(lab)}`,
    `--service-account-signing-key-file=${serviceAccountKey(lab)}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-cluster-ip-range=${SERVICE_CIDR}`,
    '--authorization-mode=Node,RBAC',
    '--anonymous-auth=false',
    '--allow-privileged=true',
    '--profiling=false',
    // A lab's burst of pods must measure podwire, not the API server's queues.
    '--max-requests-inflight=800',
  ]);
}

/** The controller manager; a node that stops reporting is marked after 12 s. */
export function kubeControllerManager(lab: LabLayout, binaries: Binaries): PartSpec {
  return control(lab, 'kube-controller-manager', binaries['kube-controller-manager'], [
    `--kubeconfig=${kubeconfigPath(lab, 'kube-controller-manager')}`,
    `--service-account-private-key-file=${serviceAccountKey(lab)}`,
    `--root-ca-file=${keyPair(lab, 'ca').cert}`,
    '--use-service-account-credentials=true',
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
    '--node-monitor-grace-period=12s',
    '--node-monitor-period=2s',
    '--kube-api-qps=100',
    '--kube-api-burst=200',
    '--profiling=false',
  ]);
}

/** The scheduler. */
export function kubeScheduler(lab: LabLayout, binaries: Binaries): PartSpec {
  return control(lab, 'kube-scheduler', binaries['kube-scheduler'], [
    `--kubeconfig=${kubeconfigPath(lab, 'kube-scheduler')}`,
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
    '--kube-api-qps=100',
    '--kube-api-burst=200',
    '--profiling=false',
  ]);
}

function control(lab: LabLayout, name: string, file: string, args: string[]): PartSpec {
  return { name, netnsPath: lab.controlNetnsPath, file, args, env: {} };
}
