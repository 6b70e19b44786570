/** Node objects: whether one exists, which it is, and which addresses its pods have. */
import { z } from 'zod';
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

const specSchema = z.object({
  spec: z.object({ podCIDR: z.string().exactOptional(), podCIDRs: z.array(z.string()).exactOptional() }),
});

const addressesSchema = z.object({
  status: z.object({ addresses: z.array(z.object({ type: z.string(), address: z.string() })).default([]) }),
});

/** Its addresses of type InternalIP, in their order. @throws PodwireError `ApiUnavailable`, also where there is no such Node object (yet) */
export async function getNodeAddresses(client: KubeClient, name: string): Promise<readonly string[]> {
  const what = `read node ${name}`;
  const body = bodyOf(await client.call({ method: 'GET', path: apiPath('api', 'v1', 'nodes', name) }), what);
  if (body === undefined) throw new PodwireError('ApiUnavailable', `${what}: there is none`);
  const parsed = addressesSchema.safeParse(body);
  if (!parsed.success) throw new PodwireError('ApiUnavailable', `${what}: the answer is no Node object`);
  return parsed.data.status.addresses.filter(({ type }) => type === 'InternalIP').map(({ address }) => address);
}

/** As `podSubnetsOf` takes it. @throws PodwireError `ApiUnavailable`, also where there is no such Node object (yet) */
export async function getPodCidrs(client: KubeClient, name: string): Promise<z.output<typeof specSchema>['spec']> {
  const what = `read node ${name}`;
  const body = bodyOf(await client.call({ method: 'GET', path: apiPath('api', 'v1', 'nodes', name) }), what);
  if (body === undefined) throw new PodwireError('ApiUnavailable', `${what}: there is none`);
  const parsed = specSchema.safeParse(body);
  if (!parsed.success) throw new PodwireError('ApiUnavailable', `${what}: the answer is no Node object`);
  return parsed.data.spec;
}
