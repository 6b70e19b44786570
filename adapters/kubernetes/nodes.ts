/** Node objects: only whether one exists and which it is. */
import { PodwireError } from '../../domain/failures.ts';
import { apiPath, bodyOf, type KubeClient } from './client.ts';

/** @returns undefined when no Node object has this name. @throws PodwireError `ApiUnavailable` */
export async function getNode(client: KubeClient, name: string): Promise<{ readonly uid: string } | undefined> {
  const what = `read node ${name}`;
  const body = bodyOf(await client.call({ method: 'GET', path: apiPath('api', 'v1', 'nodes', name) }), what);
  if (body === undefined) return undefined;
  const uid = (body as { metadata?: { uid?: unknown } }).metadata?.uid;
  if (typeof uid !== 'string') throw new PodwireError('ApiUnavailable', `${what}: the answer is no Node object`);
  return { uid };
}
