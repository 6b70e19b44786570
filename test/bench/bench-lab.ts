/** The lab as the benches use it: open connections, pods that are known with their namespaces, changes of annotations. */
import { createCriClient } from '../../adapters/cri/client.ts';
import { createSandboxRuntime } from '../../adapters/cri/sandbox-runtime.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../domain/settings.ts';
import { apiPath, bodyOf, createKubeClient, type KubeClient } from '../../adapters/kubernetes/client.ts';
import { connectClient, type TemporalClient } from '../../adapters/temporal/connection.ts';
import { apply, NETWORKS_ANNOTATION, podManifest } from '../../deploy/demo/cluster.ts';
import { kubectl, pathOnHost, type Lab, type LabNode } from '../../deploy/lab/lab.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';
import { meshWorkflowId, podWorkflowId } from '../../domain/messages.ts';
import { newestReady } from '../../domain/ports/sandbox-runtime.ts';
import type { MeasuredPodwire } from './measured-podwire.ts';

export const NAMESPACE = 'podwire-bench';
const RUN_LIMIT_MS = 90_000;
/** More than the client keeps open. */
const CONNECTIONS = 40;

export interface BenchLab {
  readonly lab: Lab;
  /** It runs. */
  readonly podwire: MeasuredPodwire;
  readonly kube: KubeClient;
  readonly temporal: TemporalClient;
  /** One line of progress, for people; on stderr. */
  readonly say: (line: string) => void;
}

export interface BenchPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly netnsPath: string;
  readonly podIP: string;
}

interface ApiPod {
  metadata: { name: string; uid: string };
  spec: { nodeName?: string };
  status: { phase?: string; podIP?: string };
}

/** Opens connections that stay open, so that no measured step makes one. */
export function openBenchLab(
  podwire: MeasuredPodwire,
  say: (line: string) => void,
): BenchLab & { close(): Promise<void> } {
  const { lab } = podwire;
  const kube = createKubeClient({ kubeconfig: lab.kubeconfigs.admin, deadlineMs: 10_000 });
  const temporal = connectClient({ address: lab.temporal.host, namespace: 'default' });
  return {
    ...{ lab, podwire, kube, temporal, say },
    close: async () => {
      kube.close();
      await temporal.close();
    },
  };
}

/** Makes the connections that a burst of changes goes over: TLS handshakes are not what it measures. */
export async function openConnections({ kube }: BenchLab): Promise<void> {
  const path = apiPath('version');
  await Promise.all(Array.from({ length: CONNECTIONS }, () => kube.call({ method: 'GET', path })));
}

export async function makeNamespace(lab: Lab): Promise<void> {
  await apply(lab, [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }]);
  await waitFor(
    'the service account of the namespace',
    () => kubectl(lab, ['-n', NAMESPACE, 'get', 'serviceaccount', 'default']),
    { limitMs: 30_000 },
  );
}

/** Removes the benches' pods and waits until podwire has let go of them. */
export async function removeNamespace(lab: Lab): Promise<void> {
  await kubectl(lab, ['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=150s'], {
    timeoutMs: 160_000,
  });
}

/** Pods of these names, running on the node; made when absent. */
export async function ensurePods(bench: BenchLab, node: LabNode, names: readonly string[]): Promise<BenchPod[]> {
  const manifests = names.map((name) =>
    podManifest({ namespace: NAMESPACE, name }, { node: node.name, image: bench.lab.testImage }),
  );
  const known = new Set((await listPods(bench)).map((pod) => pod.metadata.name));
  const missing = manifests.filter((_, index) => !known.has(names[index] ?? ''));
  if (missing.length > 0) await apply(bench.lab, missing);
  const running = await waitFor(
    `${names.length} pods to run on ${node.name}`,
    async () => {
      const pods = (await listPods(bench)).filter((pod) => names.includes(pod.metadata.name));
      const ready = pods.filter((pod) => pod.status.phase === 'Running' && pod.status.podIP !== undefined);
      return ready.length === names.length ? ready : undefined;
    },
    { limitMs: 30_000 + names.length * 6_000, everyMs: 1_000 },
  );
  const cri = createCriClient(node.criSocket);
  const runtime = createSandboxRuntime(cri, DEFAULT_DIALECT_SETTINGS);
  try {
    return await Promise.all(
      running.map(async ({ metadata: { name, uid }, status }) => {
        const sandbox = newestReady(await runtime.listReady(uid));
        const details = sandbox === undefined ? undefined : await runtime.describe(sandbox.id);
        if (details?.netnsPath === undefined) throw new Error(`pod ${name} runs without a network namespace`);
        const netnsPath = pathOnHost(bench.lab, node.name, details.netnsPath);
        return { namespace: NAMESPACE, name, uid, node: node.name, netnsPath, podIP: status.podIP ?? '' };
      }),
    );
  } finally {
    cri.close();
  }
}

async function listPods({ kube }: BenchLab): Promise<ApiPod[]> {
  const path = apiPath('api', 'v1', 'namespaces', NAMESPACE, 'pods');
  const answer = await kube.call({ method: 'GET', path });
  return (bodyOf(answer, 'list pods') as { items: ApiPod[] }).items;
}

/** Sets the networks annotation, or removes it, by one PATCH on an open connection. */
export async function setNetworks({ kube }: BenchLab, pod: BenchPod, networks: string | null): Promise<void> {
  const answer = await kube.call({
    method: 'PATCH',
    path: apiPath('api', 'v1', 'namespaces', pod.namespace, 'pods', pod.name),
    contentType: 'application/merge-patch+json',
    body: { metadata: { annotations: { [NETWORKS_ANNOTATION]: networks } } },
  });
  bodyOf(answer, `patch pod ${pod.name}`);
}

export const runOfPod = (pod: BenchPod): string => podWorkflowId(pod);
export const runOfMesh = (network: string): string => meshWorkflowId({ scope: NAMESPACE, name: network });

/** Waits until the newest run of a workflow has ended. @throws Error when it failed, or does not end within 90 s */
export async function runEnded({ temporal }: BenchLab, workflowId: string): Promise<void> {
  await temporal.client.withDeadline(Date.now() + RUN_LIMIT_MS, () =>
    temporal.client.workflow.getHandle(workflowId).result(),
  );
}

/** Waits until nothing happens any more for these pods and this network. */
export async function quiet(bench: BenchLab, pods: readonly BenchPod[], network: string): Promise<void> {
  await Promise.all(pods.map((pod) => runEnded(bench, runOfPod(pod))));
  await runEnded(bench, runOfMesh(network));
}
