/** Live reads and status writes of pods. */
import { PodwireError } from '../../domain/failures.ts';
import type { PodView } from '../../domain/pod/pod-view.ts';
import { apiPath, bodyOf, KubeRejection, type KubeClient } from './client.ts';
import { podView, type PodKeys } from './pod-view.ts';

const podPath = (namespace: string, name: string): string =>
  apiPath('api', 'v1', 'namespaces', namespace, 'pods', name);

/**
 * A linearizable read of one pod (a GET without resourceVersion is served from etcd).
 * @returns undefined when no pod has this name; the caller compares the UID
 * @throws PodwireError `ApiUnavailable`
 */
export async function getPod(
  client: KubeClient,
  keys: PodKeys,
  namespace: string,
  name: string,
): Promise<PodView | undefined> {
  const what = `read pod ${namespace}/${name}`;
  const body = bodyOf(await client.call({ method: 'GET', path: podPath(namespace, name) }), what);
  if (body === undefined) return undefined;
  const view = podView(body, keys);
  if (view === undefined) throw new PodwireError('ApiUnavailable', `${what}: the answer is no pod object`);
  return view;
}

/**
 * Whether a pod that has one of the labels and has not ended has this address.
 * @throws PodwireError `ApiUnavailable`
 */
export async function podHasAddress(client: KubeClient, keys: PodKeys, address: string): Promise<boolean> {
  const query = { fieldSelector: `status.podIP=${address}`, labelSelector: keys.labels.join(',') };
  const what = `find the pod that has address ${address}`;
  const body = bodyOf(await client.call({ method: 'GET', path: apiPath('api', 'v1', 'pods'), query }), what);
  const { items } = (body ?? {}) as { items?: unknown };
  if (!Array.isArray(items)) throw new PodwireError('ApiUnavailable', `${what}: the answer is no list`);
  return items.some((item) => podView(item, keys)?.phaseClass === 'counts');
}

export interface AnnotationPatch {
  /** Null removes one. */
  readonly annotations: Readonly<Record<string, string | null>>;
  /** resourceVersion that the pod must still have. */
  readonly asRead?: string | undefined;
  /**
   * `status`: through the pod's status, which keeps everything but annotations, labels and finalizers out of reach: the right to patch
   * pods/status is enough. `pod`: for people, who may rather change pods than their status.
   */
  readonly through: 'pod' | 'status';
}

/**
 * Writes annotations (JSON merge patch, RFC 7396). The UID in the patch makes the API refuse it when the name has meanwhile gone to
 * another pod.
 * @returns `gone` when that very pod does not exist any more, `conflict` when it has another resourceVersion
 * @throws PodwireError `ApiUnavailable`; KubeRejection when the pod exists and the value is refused (annotations over 256 KiB)
 */
export async function patchAnnotations(
  client: KubeClient,
  pod: { readonly namespace: string; readonly name: string; readonly uid: string },
  { annotations, asRead, through }: AnnotationPatch,
): Promise<'patched' | 'gone' | 'conflict'> {
  const what = `publish the status of pod ${pod.namespace}/${pod.name}`;
  const answer = await client.call({
    method: 'PATCH',
    path: `${podPath(pod.namespace, pod.name)}${through === 'status' ? '/status' : ''}`,
    contentType: 'application/merge-patch+json',
    body: {
      metadata: { uid: pod.uid, annotations, ...(asRead === undefined ? {} : { resourceVersion: asRead }) },
    },
  });
  try {
    return bodyOf(answer, what) === undefined ? 'gone' : 'patched';
  } catch (error) {
    if (isOtherUid(error)) return 'gone';
    // Any other conflict is a race with another writer: the same patch may be sent again.
    if (error instanceof KubeRejection && error.status === 409) {
      if (asRead !== undefined) return 'conflict';
      throw new PodwireError('ApiUnavailable', error.message, { cause: error });
    }
    throw error;
  }
}

/** The API says it as 409 with a text or as 422 on metadata.uid, depending on where it notices. */
function isOtherUid(error: unknown): boolean {
  if (!(error instanceof KubeRejection)) return false;
  return error.fields.includes('metadata.uid') || /precondition failed: uid/i.test(error.message);
}
