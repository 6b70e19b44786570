/** Objects that define networks: NPWG's NetworkAttachmentDefinition, Kaloom's Network, and podwire's Network and ClusterNetwork. */
import {
  LATER_KINDS,
  type DefinitionKind,
  type DefinitionRef,
  type NetworkDefinition,
} from '../../domain/cni/network-definition.ts';
import { PodwireError } from '../../domain/failures.ts';
import { apiPath, bodyOf, type KubeClient } from './client.ts';
import { NETWORK_OBJECTS, readAllocatedVni, readNetworkSpec } from './network-objects.ts';

interface Resource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kindName: string;
}

/** NPWG specification 1.3, §3.3; kactus' CustomResourceDefinition; podwire's own (ADR 61). */
const RESOURCES: Readonly<Record<DefinitionKind, Resource>> = {
  nad: {
    group: 'k8s.cni.cncf.io',
    version: 'v1',
    plural: 'network-attachment-definitions',
    kindName: 'NetworkAttachmentDefinition',
  },
  kaloom: { group: 'kaloom.com', version: 'v1', plural: 'networks', kindName: 'Network' },
  network: { ...NETWORK_OBJECTS, plural: 'networks', kindName: 'Network' },
  'cluster-network': { ...NETWORK_OBJECTS, plural: 'clusternetworks', kindName: 'ClusterNetwork' },
};

const FORBIDDEN = 403;

interface Metadata {
  readonly uid?: unknown;
  readonly namespace?: unknown;
  readonly name?: unknown;
  readonly generation?: unknown;
  readonly deletionTimestamp?: unknown;
}

/** What a network object has beside its spec. */
function lifeOf(
  metadata: Metadata | undefined,
  status: unknown,
): Pick<NetworkDefinition, 'allocatedVni' | 'deleting' | 'generation'> {
  const { generation, deletionTimestamp } = metadata ?? {};
  const allocatedVni = readAllocatedVni(status);
  return {
    ...(allocatedVni === undefined ? {} : { allocatedVni }),
    ...(typeof deletionTimestamp === 'string' ? { deleting: true } : {}),
    ...(typeof generation === 'number' ? { generation } : {}),
  };
}

/** Path of one object. */
export const definitionPath = ({ kind, namespace, name }: DefinitionRef): string =>
  `${definitionsPath(kind, namespace === '' ? undefined : namespace)}/${encodeURIComponent(name)}`;

/** Path of the collection; without a namespace, of all namespaces. */
export function definitionsPath(kind: DefinitionKind, namespace?: string): string {
  const { group, version, plural } = RESOURCES[kind];
  const scope = namespace === undefined ? [] : ['namespaces', namespace];
  return apiPath('apis', group, version, ...scope, plural);
}

/** @returns undefined when the object is no stored definition; a config that is no text counts as absent. */
export function definitionView(kind: DefinitionKind, object: unknown): NetworkDefinition | undefined {
  const { metadata, spec, status } = (object ?? {}) as {
    metadata?: Metadata;
    spec?: { config?: unknown; plugin?: unknown } | null;
    status?: unknown;
  };
  const { uid, name } = metadata ?? {};
  const namespace = kind === 'cluster-network' ? '' : metadata?.namespace;
  if (typeof uid !== 'string' || typeof namespace !== 'string' || typeof name !== 'string') return undefined;
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  if (kind === 'network' || kind === 'cluster-network') {
    const declares = readNetworkSpec(spec);
    return { kind, uid, namespace, name, config: '', plugin: '', declares, ...lifeOf(metadata, status) };
  }
  return { kind, uid, namespace, name, config: text(spec?.config), plugin: text(spec?.plugin) };
}

/**
 * @returns undefined when it does not exist, or the cluster does not have its kind; `unreadable` when its kind is one that older roles do
 *   not have, and the API denies it
 * @throws PodwireError `ApiUnavailable`
 */
export async function getDefinition(
  client: KubeClient,
  ref: DefinitionRef,
): Promise<NetworkDefinition | 'unreadable' | undefined> {
  const { kind, namespace, name } = ref;
  const what = `read ${RESOURCES[kind].kindName} ${namespace}/${name}`;
  const answer = await client.call({ method: 'GET', path: definitionPath(ref) });
  if (answer.status === FORBIDDEN && LATER_KINDS.has(kind)) return 'unreadable';
  const body = bodyOf(answer, what);
  if (body === undefined) return undefined;
  const view = definitionView(kind, body);
  if (view === undefined) throw new PodwireError('ApiUnavailable', `${what}: the answer is no such object`);
  return view;
}
