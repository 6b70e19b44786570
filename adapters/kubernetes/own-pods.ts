/** Pods of podwire's own, by the API. */
import { z } from 'zod';
import { PodwireError } from '../../domain/failures.ts';
import { apiPath, bodyOf, type KubeClient } from './client.ts';

const NAME_LABEL = 'app.kubernetes.io/name';

/** Of a pod of podwire's; what else is to be read of it, its reader adds. */
export const ownPodMetadata = z.object({
  name: z.string(),
  labels: z.record(z.string(), z.string()).default({}),
});

/** The part that a pod runs, as the manifests call it. */
export const partOf = ({ labels }: z.output<typeof ownPodMetadata>): string => labels[NAME_LABEL] ?? '';

/**
 * @param pod reads one
 * @param deadlineMs of the call
 * @throws PodwireError `ApiUnavailable`
 */
export async function listOwnPods<Pod extends z.ZodType>(
  kube: KubeClient,
  namespace: string,
  parts: readonly string[],
  pod: Pod,
  deadlineMs: number,
): Promise<readonly z.output<Pod>[]> {
  const path = apiPath('api', 'v1', 'namespaces', namespace, 'pods');
  const query = { labelSelector: `${NAME_LABEL} in (${parts.join(',')})` };
  const what = `list pods of ${namespace}`;
  const body = bodyOf(await kube.call({ method: 'GET', path, query, deadlineMs }), what);
  const parsed = z.object({ items: z.array(pod) }).safeParse(body);
  if (!parsed.success) throw new PodwireError('ApiUnavailable', `${what}: the answer is no list of pods`);
  return parsed.data.items;
}
