/** Many Kubernetes objects that nothing runs: created directly, changed by one label, removed by collection. */
import { bodyOf, createKubeClient, type KubeClient } from '../../adapters/kubernetes/client.ts';
import { kubectl, type Lab } from '../../deploy/lab/lab.ts';

export const REFLECT_NAMESPACE = 'podwire-bench-reflect';
/** Label whose value tells one change from another. */
export const STAMP = 'bench-stamp';
const AT_ONCE = 12;

export interface ObjectCounts {
  readonly pods: number;
  readonly services: number;
  readonly policies: number;
}

const named = (name: string, labels: Readonly<Record<string, string>> = {}): object => ({
  metadata: { namespace: REFLECT_NAMESPACE, name, labels },
});

export const podName = (index: number): string => `pod-${String(index).padStart(6, '0')}`;

/** Of the size that pods usually have in etcd's reflected state; nobody schedules it. */
const pod = (index: number): object => ({
  ...{ apiVersion: 'v1', kind: 'Pod' },
  ...named(podName(index), { app: `app-${index % 200}`, tier: 'bench', 'pod-template-hash': `${index % 97}` }),
  spec: {
    schedulerName: 'nobody',
    automountServiceAccountToken: false,
    containers: [
      { name: 'main', image: 'none', ports: [{ name: 'web', containerPort: 8080 }, { containerPort: 9090 }] },
      { name: 'beside', image: 'none' },
    ],
  },
});

const service = (index: number): object => ({
  ...{ apiVersion: 'v1', kind: 'Service' },
  ...named(`service-${index}`, { tier: 'bench' }),
  // No selector: the endpoints controller has no part in what is measured.
  spec: { clusterIP: 'None', ports: [{ name: 'web', port: 80, targetPort: 8080 }] },
});

const policy = (index: number): object => ({
  ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
  ...named(`policy-${index}`),
  spec: {
    podSelector: { matchLabels: { app: `app-${index % 200}` } },
    policyTypes: ['Ingress'],
    ingress: [{ from: [{ podSelector: { matchLabels: { tier: 'bench' } } }], ports: [{ port: 8080 }] }],
  },
});

const path = (base: string, plural: string): string => `${base}/namespaces/${REFLECT_NAMESPACE}/${plural}`;
const PODS = path('/api/v1', 'pods');
const SERVICES = path('/api/v1', 'services');
const POLICIES = path('/apis/networking.k8s.io/v1', 'networkpolicies');

export const openObjects = (lab: Lab): KubeClient =>
  createKubeClient({ kubeconfig: lab.kubeconfigs.admin, deadlineMs: 30_000 });

/** Creates what is not there. */
export async function createObjects(
  kube: KubeClient,
  counts: ObjectCounts,
  say: (line: string) => void,
): Promise<void> {
  await create(kube, PODS, counts.pods, pod, say);
  await create(kube, SERVICES, counts.services, service, say);
  await create(kube, POLICIES, counts.policies, policy, say);
}

async function create(
  kube: KubeClient,
  where: string,
  count: number,
  make: (index: number) => object,
  say: (line: string) => void,
): Promise<void> {
  let next = 0;
  const drain = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      if (index > 0 && index % 5_000 === 0) say(`reflect: ${index} of ${count} at ${where}`);
      const answer = await kube.call({ method: 'POST', path: where, body: make(index) });
      if (answer.status !== 409) bodyOf(answer, `create at ${where}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, drain));
}

export async function stampPod(kube: KubeClient, name: string, stamp: string): Promise<void> {
  const answer = await kube.call({
    method: 'PATCH',
    path: `${PODS}/${name}`,
    contentType: 'application/merge-patch+json',
    body: { metadata: { labels: { [STAMP]: stamp } } },
  });
  bodyOf(answer, `stamp ${name}`);
}

/** An earlier run's objects may still be going: the API server takes minutes over twenty thousand. */
export async function objectsGone(lab: Lab): Promise<void> {
  await kubectl(lab, ['wait', '--for=delete', `namespace/${REFLECT_NAMESPACE}`, '--timeout=300s'], {
    timeoutMs: 310_000,
  });
}

/** With their namespace, whose controller removes whole collections at a time. */
export async function removeObjects(lab: Lab): Promise<void> {
  await kubectl(lab, ['delete', 'namespace', REFLECT_NAMESPACE, '--ignore-not-found', '--wait=false']);
}
