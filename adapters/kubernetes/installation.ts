/** Reads podwire's pods, the cluster's nodes, and what each part says about itself, through the API server's proxy. */
import { z } from 'zod';
import type { PartReport } from '../../domain/start-checks/readyz.ts';
import { clockDifference } from '../start-checks/kubernetes-facts.ts';
import { apiPath, bodyOf, type KubeClient } from './client.ts';
import { listOwnPods, ownPodMetadata, partOf } from './own-pods.ts';

/** Health ports by the name that a pod's label has. */
const PORTS: Readonly<Record<string, number>> = {
  'podwire-watcher': 9464,
  'podwire-orchestrator': 9465,
  'podwire-node': 9466,
  'podwire-ksr': 9191,
};
const AT_ONCE = 16;

const podSchema = z.object({
  metadata: ownPodMetadata,
  spec: z.object({
    nodeName: z.string().default(''),
    containers: z.array(
      z.object({
        image: z.string().default(''),
        ports: z.array(z.object({ name: z.string().optional(), containerPort: z.number() })).default([]),
      }),
    ),
  }),
  status: z.object({ phase: z.string().default('') }).default({ phase: '' }),
});
const nodeList = z.object({ items: z.array(z.object({ metadata: z.object({ name: z.string() }) })) });
const text = z.string().max(4_096);
const readyz = z.object({
  ready: z.boolean(),
  reasons: z.array(text),
  checks: z
    .array(
      z.object({
        ...{ name: text, state: z.enum(['ok', 'warning', 'error', 'waiting']), text },
        ...{ setting: text.exactOptional(), value: text.exactOptional() },
        ...{ allowed: text.exactOptional(), cure: text.exactOptional() },
      }),
    )
    .default([]),
  time: z.iso.datetime().optional(),
});

type Pod = z.output<typeof podSchema>;

/** Names of all nodes. @throws PodwireError `ApiUnavailable` */
export async function nodeNames(kube: KubeClient): Promise<string[]> {
  const body = bodyOf(await kube.call({ method: 'GET', path: '/api/v1/nodes', deadlineMs: 15_000 }), 'list nodes');
  return nodeList.parse(body).items.map(({ metadata }) => metadata.name);
}

/** One report for each pod of podwire's, in the order of their names. @throws PodwireError `ApiUnavailable` */
export async function partReports(kube: KubeClient, namespace: string): Promise<PartReport[]> {
  const all = await listOwnPods(kube, namespace, Object.keys(PORTS), podSchema, 15_000);
  const pods = all.filter(({ status }) => status.phase !== 'Succeeded' && status.phase !== 'Failed');
  const reports: PartReport[] = [];
  for (let at = 0; at < pods.length; at += AT_ONCE)
    reports.push(...(await Promise.all(pods.slice(at, at + AT_ONCE).map((pod) => reportOf(kube, namespace, pod)))));
  return reports;
}

async function reportOf(kube: KubeClient, namespace: string, pod: Pod): Promise<PartReport> {
  const part = partOf(pod.metadata);
  const about = {
    ...{ part, pod: pod.metadata.name, node: pod.spec.nodeName, image: pod.spec.containers[0]?.image ?? '' },
    ...{ ready: false, reasons: [], checks: [], clockMs: undefined },
  };
  try {
    const askedAt = Date.now();
    const ports = pod.spec.containers.flatMap((container) => container.ports);
    const port = ports.find(({ name }) => name === 'health' || name === 'rest')?.containerPort ?? PORTS[part] ?? 0;
    const path = `${apiPath('api', 'v1', 'namespaces', namespace, 'pods', `${pod.metadata.name}:${port}`)}/proxy/readyz`;
    const answer = await kube.call({ method: 'GET', path, query: { fresh: 'true' }, deadlineMs: 5_000 });
    const said = readyz.safeParse(answer.body);
    if (!said.success) return { ...about, unreachable: whyNot(answer.status, answer.body, pod.status.phase) };
    const { ready, reasons, checks, time } = said.data;
    const clockMs = time === undefined ? undefined : -clockDifference(Date.parse(time), askedAt, Date.now());
    return { ...about, ready, reasons, checks, clockMs };
  } catch (error) {
    return { ...about, unreachable: error instanceof Error ? error.message : String(error) };
  }
}

/** The API's own words where it has some: a pod that does not answer, or a right that is missing. */
function whyNot(status: number, body: unknown, phase: string): string {
  const message = (body as { message?: unknown } | undefined)?.message;
  return `the pod is ${phase}, and the API server answered ${status}${typeof message === 'string' ? `: ${message}` : ''}`;
}
