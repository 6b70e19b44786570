/** A pod as the Kubernetes API has it now, for commands that must not rely on podwire's records alone. */
import { DEFAULT_DIALECT_SETTINGS } from '../domain/settings.ts';
import type { PodView } from '../domain/pod/pod-view.ts';
import { openApi, type ApiSettings } from './kube-api.ts';
import type { PodName } from './pod-argument.ts';

/** @throws PodwireError `ApiUnavailable` */
export async function livePod(settings: ApiSettings, pod: PodName): Promise<PodView | undefined> {
  const [{ podKeys }, { getPod }] = await Promise.all([
    import('../adapters/kubernetes/pod-view.ts'),
    import('../adapters/kubernetes/pods.ts'),
  ]);
  const kube = await openApi(settings);
  try {
    return await getPod(kube, podKeys(DEFAULT_DIALECT_SETTINGS), pod.namespace, pod.name);
  } finally {
    kube.close();
  }
}
