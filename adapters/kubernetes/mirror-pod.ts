/** The mirror of a static pod in the API, as the kubelet makes it. */

const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

/** The kubelet's hash, or the UID that the file gives the pod; it becomes part of etcd keys. */
const UID = /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/;

/**
 * The UID that the kubelet has given the static pod. Undefined for any other pod, and for one whose owner is not its node: the kubelet lets
 * the node own its mirrors.
 */
export function mirroredUid(
  annotations: Readonly<Record<string, unknown>>,
  owners: readonly Readonly<Record<string, unknown>>[],
  nodeName: string,
): string | undefined {
  const uid = Object.hasOwn(annotations, MIRROR_ANNOTATION) ? annotations[MIRROR_ANNOTATION] : undefined;
  if (typeof uid !== 'string' || !UID.test(uid) || nodeName === '') return undefined;
  const isNodes = owners.some(
    ({ apiVersion, kind, name }) => apiVersion === 'v1' && kind === 'Node' && name === nodeName,
  );
  return isNodes ? uid : undefined;
}
