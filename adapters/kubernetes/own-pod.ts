/** The pod that this process runs in. */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { PodIdentity } from '../../domain/pod/pod-view.ts';
import type { KubeClient } from './client.ts';
import type { PodKeys } from './pod-view.ts';
import { getPod } from './pods.ts';

/** Kubernetes puts it beside the token of the pod's service account. */
const NAMESPACE_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/** Undefined: this is no pod, or one that is not called as its host. @throws PodwireError `ApiUnavailable` */
export async function ownPod(
  client: KubeClient,
  keys: PodKeys,
  namespaceFile = NAMESPACE_FILE,
): Promise<PodIdentity | undefined> {
  const namespace = await readFile(namespaceFile, 'utf8').catch(() => undefined);
  return namespace === undefined ? undefined : getPod(client, keys, namespace.trim(), hostname());
}
