/** `NetworkObjects` on the Kubernetes API: merge patches (RFC 7396) whose UID keeps them from an object that has the name by now. */
import { PodwireError } from '../../domain/failures.ts';
import { objectText } from '../../domain/network-objects/network-object.ts';
import type { NetworkObjectRef } from '../../domain/network-objects/status.ts';
import type { NetworkObjects } from '../../domain/ports/network-objects.ts';
import { bodyOf, KubeRejection, type KubeClient } from './client.ts';
import { definitionPath, definitionView } from './definitions.ts';
import { readNetworkStatus, timedStatus, untimed } from './network-status.ts';

/** Keeps a deleted object until its members are gone and its VNI is free. */
const NETWORK_FINALIZER = 'podwire.io/network';

interface Found {
  readonly body: object;
  readonly finalizers: readonly string[];
  readonly resourceVersion: string;
  readonly status: unknown;
}

export function createNetworkObjects(client: KubeClient): NetworkObjects {
  return {
    read: async (ref) => {
      const found = await find(client, ref);
      const definition = found && definitionView(ref.kind, found.body);
      if (found === undefined || definition === undefined) return undefined;
      const status = readNetworkStatus(found.status);
      const held = found.finalizers.includes(NETWORK_FINALIZER);
      return { definition, held, status: status && untimed(status) };
    },
    hold: async (ref, held) => {
      const found = await find(client, ref);
      if (found === undefined) return false;
      const others = found.finalizers.filter((each) => each !== NETWORK_FINALIZER);
      if (held === others.length < found.finalizers.length) return true;
      const finalizers = held ? [...found.finalizers, NETWORK_FINALIZER] : others;
      const { uid } = ref;
      const { resourceVersion } = found;
      return patch(client, { ref, metadata: { uid, resourceVersion, finalizers } });
    },
    publish: async (ref, status) => {
      const found = await find(client, ref);
      if (found === undefined) return false;
      const now = new Date().toISOString().replace(/\.\d{3}Z$/, 'Z');
      const timed = timedStatus(status, readNetworkStatus(found.status), now);
      return patch(client, { ref, metadata: { uid: ref.uid }, status: { ...timed, vni: timed.vni ?? null } });
    },
  };
}

/** Undefined: there is none of this UID. @throws PodwireError `ApiUnavailable` */
async function find(client: KubeClient, ref: NetworkObjectRef): Promise<Found | undefined> {
  const body = bodyOf(await client.call({ method: 'GET', path: definitionPath(ref) }), `read ${objectText(ref)}`);
  const { metadata, status } = (body ?? {}) as {
    metadata?: { uid?: unknown; resourceVersion?: unknown; finalizers?: unknown };
    status?: unknown;
  };
  if (typeof body !== 'object' || body === null || metadata?.uid !== ref.uid) return undefined;
  const { finalizers, resourceVersion } = metadata;
  return {
    ...{ body, status, resourceVersion: typeof resourceVersion === 'string' ? resourceVersion : '' },
    finalizers: Array.isArray(finalizers) ? finalizers.filter((each) => typeof each === 'string') : [],
  };
}

interface Patch {
  readonly ref: NetworkObjectRef;
  readonly metadata: object;
  /** Through the status subresource, which leaves metadata alone; absent: through the object. */
  readonly status?: object;
}

const INVALID = 422;
/** Of an `Invalid` because the object is being deleted and takes no new finalizer, or because the UID is another one's by now. */
const MOVED_ON: readonly string[] = ['metadata.finalizers', 'metadata.uid'];

/**
 * False: the object is gone, or does not take it in the state that it is in.
 * @throws PodwireError `ApiUnavailable`, also where an admission policy or the definition's schema refuses what is written
 */
async function patch(client: KubeClient, { ref, metadata, status }: Patch): Promise<boolean> {
  const what = `${status === undefined ? 'hold or let go' : 'publish the status of'} ${objectText(ref)}`;
  const answer = await client.call({
    method: 'PATCH',
    path: `${definitionPath(ref)}${status === undefined ? '' : '/status'}`,
    contentType: 'application/merge-patch+json',
    body: { metadata, ...(status === undefined ? {} : { status }) },
  });
  try {
    return bodyOf(answer, what) !== undefined;
  } catch (error) {
    if (!(error instanceof KubeRejection)) throw error;
    // The next look sees it. Policies deny with the same code, and name no field.
    const { fields } = error;
    if (error.status === INVALID && fields.length > 0 && fields.every((field) => MOVED_ON.includes(field)))
      return false;
    throw new PodwireError('ApiUnavailable', error.message, { cause: error });
  }
}
