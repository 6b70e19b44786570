/** The objects that a pod comes from: the pod, its ReplicaSet, the Deployment of that, and so on. */
import type { JsonObject } from '../../domain/cni/attachment.ts';
import { PodwireError } from '../../domain/failures.ts';
import { makesPods } from '../../domain/pod/workload.ts';
import { apiPath, bodyOf, type KubeClient } from './client.ts';

interface ChainedObject {
  /** Empty: the core group. */
  readonly group: string;
  readonly kind: string;
  readonly object: JsonObject;
}

export interface OwnerChain {
  /** The pod comes first; empty: there is no such pod. */
  readonly objects: readonly ChainedObject[];
  /** Why the next owner could not be read. */
  readonly unread?: string;
}

interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/** A CronJob's pods have two owners above them; nobody nests them much deeper. */
const MAX_OWNERS = 5;

/**
 * Follows the controlling owners as far as they are of kinds that make pods.
 * @throws PodwireError `ApiUnavailable`: the pod itself cannot be read
 */
export async function readOwnerChain(client: KubeClient, namespace: string, name: string): Promise<OwnerChain> {
  const path = apiPath('api', 'v1', 'namespaces', namespace, 'pods', name);
  const pod = bodyOf(await client.call({ method: 'GET', path }), `read pod ${namespace}/${name}`);
  if (pod === undefined) return { objects: [] };
  const objects: ChainedObject[] = [{ group: '', kind: 'Pod', object: pod as JsonObject }];
  for (let owner = ownerOf(pod); owner !== undefined && objects.length <= MAX_OWNERS;) {
    const group = groupOf(owner);
    if (!makesPods(group, owner.kind)) break;
    const found = await readOwner(client, namespace, owner);
    if (typeof found === 'string') return { objects, unread: found };
    // Another one of the same name, or none any more: what it says is not about this pod.
    if (found === undefined) break;
    objects.push({ group, kind: owner.kind, object: found });
    owner = ownerOf(found);
  }
  return { objects };
}

/** As text: why not. */
async function readOwner(
  client: KubeClient,
  namespace: string,
  { apiVersion, kind, name, uid }: OwnerReference,
): Promise<JsonObject | string | undefined> {
  const api = apiVersion.includes('/') ? ['apis', ...apiVersion.split('/')] : ['api', apiVersion];
  // All kinds that make pods have regular plurals.
  const path = apiPath(...api, 'namespaces', namespace, `${kind.toLowerCase()}s`, name);
  try {
    const object = bodyOf(await client.call({ method: 'GET', path }), `read ${kind} ${namespace}/${name}`);
    return uidOf(object) === uid ? (object as JsonObject) : undefined;
  } catch (error) {
    if (error instanceof PodwireError) return error.message;
    throw error;
  }
}

const groupOf = ({ apiVersion }: OwnerReference): string =>
  apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';

interface Owned {
  readonly metadata?: {
    readonly uid?: unknown;
    readonly ownerReferences?: readonly (Partial<OwnerReference> & { readonly controller?: unknown })[];
  };
}

const uidOf = (object: unknown): unknown => (object as Owned | undefined)?.metadata?.uid;

function ownerOf(object: unknown): OwnerReference | undefined {
  const owner = (object as Owned).metadata?.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return undefined;
  const { apiVersion = '', kind = '', name = '', uid = '' } = owner;
  return { apiVersion, kind, name, uid };
}
