/** `ReflectCluster` on the Kubernetes API. */
import { PodwireError } from '../../domain/failures.ts';
import type { NamedObject, ReflectCluster } from '../../domain/ports/reflect-cluster.ts';
import type { ReflectSource } from '../../domain/reflect/messages.ts';
import { firstFamilyOf, isDualStack, SlicesOnly } from '../../domain/reflect/slices-only.ts';
import { bodyOf, type KubeAnswer, type KubeClient, type KubeRequest } from '../kubernetes/client.ts';

/** Where a resource is: `/api/v1`, its plural name, and whether its objects live in namespaces. */
interface Resource {
  readonly base: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

const REFLECT_RESOURCES: Readonly<Record<ReflectSource, Resource>> = {
  namespace: { base: '/api/v1', plural: 'namespaces', namespaced: false },
  pod: { base: '/api/v1', plural: 'pods', namespaced: true },
  policy: { base: '/apis/networking.k8s.io/v1', plural: 'networkpolicies', namespaced: true },
  service: { base: '/api/v1', plural: 'services', namespaced: true },
  endpoints: { base: '/api/v1', plural: 'endpoints', namespaced: true },
  node: { base: '/api/v1', plural: 'nodes', namespaced: false },
};

/** EndpointSlices belong to the service that this label names (discovery/v1). */
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
export const SLICES_PATH = '/apis/discovery.k8s.io/v1/endpointslices';

export const collectionPath = (source: ReflectSource): string => {
  const { base, plural } = REFLECT_RESOURCES[source];
  return `${base}/${plural}`;
};

const GET_DEADLINE_MS = 900;
const PAGE_DEADLINE_MS = 15_000;
const PAGE_SIZE = 500;

export function createReflectCluster(client: KubeClient): ReflectCluster {
  const get = async (source: ReflectSource, name: string): Promise<unknown> => {
    const object = await getObject(client, source, name);
    if (object !== undefined || source !== 'endpoints') return object;
    const slices = await slicesOf(client, name);
    return slices.length === 0 ? undefined : slicesOnly(client, name, slices, undefined);
  };
  return {
    get,
    pages: (source, signal) =>
      source === 'endpoints' ? endpointsPages(client, signal) : objectPages(client, collectionPath(source), signal),
  };
}

function askFor(
  client: KubeClient,
  source: ReflectSource,
  name: string,
  stop: Pick<KubeRequest, 'signal'> = {},
): Promise<KubeAnswer> {
  const { base, plural, namespaced } = REFLECT_RESOURCES[source];
  const [namespace = '', own = ''] = namespaced ? name.split('/') : ['', name];
  const place = namespaced ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const path = `${base}${place}/${plural}/${encodeURIComponent(own)}`;
  return client.call({ method: 'GET', path, deadlineMs: GET_DEADLINE_MS, ...stop });
}

async function getObject(client: KubeClient, source: ReflectSource, name: string): Promise<unknown> {
  const { plural } = REFLECT_RESOURCES[source];
  const answer = await askFor(client, source, name);
  if (answer.status === 404 && !saysNotFound(answer.body)) {
    throw new PodwireError('ApiUnavailable', `read ${plural} ${name}: the answer 404 does not come from this resource`);
  }
  return bodyOf(answer, `read ${plural} ${name}`);
}

/** A proxy, or an API server that does not serve the resource, answers 404 as well; only this one means that the object is gone. */
function saysNotFound(body: unknown): boolean {
  const { kind, reason, details } = (body ?? {}) as { kind?: unknown; reason?: unknown; details?: { name?: unknown } };
  return kind === 'Status' && reason === 'NotFound' && typeof details?.name === 'string';
}

async function slicesOf(client: KubeClient, name: string): Promise<readonly unknown[]> {
  const [namespace = '', service = ''] = name.split('/');
  const path = `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices`;
  const query = { labelSelector: `${SERVICE_NAME_LABEL}=${service}` };
  const answer = await client.call({ method: 'GET', path, query, deadlineMs: GET_DEADLINE_MS });
  // 404: an API server older than discovery/v1 (1.21) keeps Endpoints only.
  const body = bodyOf(answer, `list endpointslices of ${name}`);
  return body === undefined ? [] : itemsOf(body, path).items;
}

/** Only for a service of two families it takes a look at the service; who may not see it gets IPv4, as without one. */
async function slicesOnly(
  client: KubeClient,
  name: string,
  slices: readonly unknown[],
  signal: AbortSignal | undefined,
): Promise<SlicesOnly> {
  if (!isDualStack(slices)) return new SlicesOnly(slices);
  const answer = await askFor(client, 'service', name, signal === undefined ? {} : { signal });
  const found = [403, 404].includes(answer.status) ? undefined : bodyOf(answer, `read service ${name}`);
  return new SlicesOnly(slices, firstFamilyOf(found));
}

/** Endpoints, then what only slices tell of. */
async function* endpointsPages(
  client: KubeClient,
  signal: AbortSignal | undefined,
): AsyncIterable<readonly NamedObject[]> {
  const known = new Set<string>();
  for await (const page of objectPages(client, collectionPath('endpoints'), signal)) {
    for (const { name } of page) known.add(name);
    yield page;
  }
  const slices = new Map<string, unknown[]>();
  for await (const page of objectPages(client, SLICES_PATH, signal, true)) {
    for (const { object } of page) {
      const name = serviceOf(object);
      if (name === undefined || known.has(name)) continue;
      const others = slices.get(name);
      if (others === undefined) slices.set(name, [object]);
      else others.push(object);
    }
  }
  const named: NamedObject[] = [];
  for (const [name, all] of slices) named.push({ name, object: await slicesOnly(client, name, all, signal) });
  if (named.length > 0) yield named;
}

/** `namespace/name` of the service a slice belongs to; undefined for one that belongs to none. */
export function serviceOf(slice: unknown): string | undefined {
  const { metadata } = slice as { metadata?: { namespace?: unknown; labels?: Readonly<Record<string, unknown>> } };
  const service = metadata?.labels?.[SERVICE_NAME_LABEL];
  if (typeof service !== 'string' || typeof metadata?.namespace !== 'string') return undefined;
  return `${metadata.namespace}/${service}`;
}

interface Page {
  readonly items: readonly unknown[];
  readonly next: string;
}

async function* objectPages(
  client: KubeClient,
  path: string,
  signal: AbortSignal | undefined,
  mayBeUnknown = false,
): AsyncIterable<readonly NamedObject[]> {
  let next: Promise<Page | undefined> | undefined = fetchPage(client, path, '', mayBeUnknown, signal);
  while (next !== undefined) {
    const page: Page | undefined = await next;
    if (page === undefined) return;
    // The API prepares the next page while this one is worked on.
    next = page.next === '' ? undefined : fetchPage(client, path, page.next, mayBeUnknown, signal);
    next?.catch(() => undefined);
    const named = page.items.flatMap((object) => {
      const name = nameOf(object);
      return name === undefined ? [] : [{ name, object }];
    });
    if (named.length > 0) yield named;
  }
}

/** A list that took longer than the API keeps its past fails (410) and is begun anew by the caller's next attempt. */
async function fetchPage(
  client: KubeClient,
  path: string,
  token: string,
  mayBeUnknown: boolean,
  signal: AbortSignal | undefined,
): Promise<Page | undefined> {
  const query = { limit: String(PAGE_SIZE), ...(token === '' ? {} : { continue: token }) };
  const request = { method: 'GET', path, query, deadlineMs: PAGE_DEADLINE_MS } as const;
  const answer = await client.call(signal === undefined ? request : { ...request, signal });
  const body = bodyOf(answer, `list ${path}`);
  if (body !== undefined) return itemsOf(body, path);
  if (mayBeUnknown) return undefined;
  throw new PodwireError('ApiUnavailable', `list ${path}: the API does not know this kind of object`);
}

function itemsOf(body: unknown, path: string): Page {
  const { items, metadata } = body as { items?: unknown; metadata?: { continue?: unknown } };
  if (!Array.isArray(items)) throw new PodwireError('ApiUnavailable', `list ${path}: the answer is no list`);
  const next = metadata?.continue;
  return { items: items as unknown[], next: typeof next === 'string' ? next : '' };
}

/** `namespace/name`, or `name`; undefined for what is no stored object. */
export function nameOf(object: unknown): string | undefined {
  const { metadata } = (object ?? {}) as { metadata?: { namespace?: unknown; name?: unknown } };
  if (typeof metadata?.name !== 'string' || metadata.name === '') return undefined;
  const { namespace } = metadata;
  return typeof namespace === 'string' && namespace !== '' ? `${namespace}/${metadata.name}` : metadata.name;
}
