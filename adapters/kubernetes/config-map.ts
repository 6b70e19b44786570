/** ConfigMaps: live reads, and the view the watch keeps. */
import { PodwireError } from '../../domain/failures.ts';
import { apiPath, bodyOf, type KubeClient } from './client.ts';

export interface ConfigMapView {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly data: Readonly<Record<string, string>>;
}

/** @returns undefined when the object is no stored ConfigMap; values that are not text are dropped. */
export function configMapView(object: unknown): ConfigMapView | undefined {
  const { metadata, data } = (object ?? {}) as {
    metadata?: { uid?: unknown; namespace?: unknown; name?: unknown };
    data?: Record<string, unknown> | null;
  };
  const { uid, namespace, name } = metadata ?? {};
  if (typeof uid !== 'string' || typeof namespace !== 'string' || typeof name !== 'string') return undefined;
  const entries = Object.entries(data ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return { uid, namespace, name, data: Object.fromEntries(entries) };
}

/** @returns undefined when it does not exist. @throws PodwireError `ApiUnavailable` */
export async function getConfigMap(
  client: KubeClient,
  namespace: string,
  name: string,
): Promise<ConfigMapView | undefined> {
  const what = `read ConfigMap ${namespace}/${name}`;
  const path = apiPath('api', 'v1', 'namespaces', namespace, 'configmaps', name);
  const body = bodyOf(await client.call({ method: 'GET', path }), what);
  if (body === undefined) return undefined;
  const view = configMapView(body);
  if (view === undefined) throw new PodwireError('ApiUnavailable', `${what}: the answer is no ConfigMap object`);
  return view;
}
