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
  return internalOf((await readNode(client, name, addressesSchema)).status.addresses);
}

const listSchema = z.object({ items: z.array(z.unknown()) });
const listedSchema = specSchema.extend(addressesSchema.shape).extend({ metadata: z.object({ name: z.string() }) });

export interface ListedNode {
  readonly name: string;
  readonly spec: z.output<typeof specSchema>['spec'];
  /** Of type InternalIP, in their order. */
  readonly addresses: readonly string[];
}

/** A list of many Node objects is long; by then the next one is due. */
const LIST_DEADLINE_MS = 5_000;

/** All, as the API server's cache has them; what is no Node object is left out. @throws PodwireError `ApiUnavailable` */
export async function listNodes(client: KubeClient): Promise<readonly ListedNode[]> {
  const what = 'list nodes';
  const query = { resourceVersion: '0' };
  const path = apiPath('api', 'v1', 'nodes');
  const parsed = listSchema.safeParse(
    bodyOf(await client.call({ method: 'GET', path, query, deadlineMs: LIST_DEADLINE_MS }), what),
  );
  if (!parsed.success) throw new PodwireError('ApiUnavailable', `${what}: the answer is no list`);
  return parsed.data.items.flatMap((item) => {
    const node = listedSchema.safeParse(item);
    if (!node.success) return [];
    const { metadata, spec, status } = node.data;
    return [{ name: metadata.name, spec, addresses: internalOf(status.addresses) }];
  });
}

const internalOf = (addresses: readonly { readonly type: string; readonly address: string }[]): string[] =>
  addresses.filter(({ type }) => type === 'InternalIP').map(({ address }) => address);

/** As `podSubnetsOf` takes it. @throws PodwireError `ApiUnavailable`, also where there is no such Node object (yet) */
export async function getPodCidrs(client: KubeClient, name: string): Promise<z.output<typeof specSchema>['spec']> {
  return (await readNode(client, name, specSchema)).spec;
}

/** @throws PodwireError `ApiUnavailable`: it does not answer, has no such Node object, or answers with something else */
async function readNode<T>(client: KubeClient, name: string, schema: z.ZodType<T>): Promise<T> {
  const what = `read node ${name}`;
  const body = bodyOf(await client.call({ method: 'GET', path: apiPath('api', 'v1', 'nodes', name) }), what);
  if (body === undefined) throw new PodwireError('ApiUnavailable', `${what}: there is none`);
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw new PodwireError('ApiUnavailable', `${what}: the answer is no Node object`);
  return parsed.data;
}
