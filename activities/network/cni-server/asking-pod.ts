/** Whether the pod of a call asks for networks: one read of the API, and for most pods the end of the call. */
import type { PodCniCall } from '../../../domain/cni-server/pod-cni.ts';
import { CNI_CODES, CniAnswerError } from '../../../domain/cni-server/pod-cni.ts';
import { asksForNetworks, hintOf, npwgDefinitions } from '../../../domain/desired-inputs.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { PodView } from '../../../domain/pod/pod-view.ts';
import { uidInRuntime, type SoughtPod } from '../../../domain/pod/static-pods.ts';
import type { Cluster } from '../../../domain/ports/cluster.ts';
import type { PodOfSandbox } from '../../../domain/ports/sandbox-runs.ts';
import type { AskSettings } from '../../../domain/settings.ts';

export interface AskingPodDeps {
  readonly node: string;
  readonly cluster: Pick<Cluster, 'pod'>;
  readonly asks: AskSettings;
  /** What becomes of a pod while the API is away: it waits, or it starts and gets its networks as a running pod does. */
  readonly withoutApi: 'waits' | 'starts';
}

export interface AskingPod {
  readonly sought: SoughtPod;
  readonly ofRun: PodOfSandbox;
}

/** The UIDs that the kubelet gives static pods are md5 sums (pkg/kubelet/config/common.go), the API's have dashes. */
const STATIC_UID = /^[0-9a-f]{32}$/;

/**
 * Undefined: the pod asks for nothing. A static pod never waits for the control plane, which it may be a part of: without a mirror in the API
 * it starts, and gets its networks as a running pod does.
 * @throws CniAnswerError 11: the API does not answer (unless pods start without it), or does not know the pod (yet, or any more)
 */
export async function askingPod(
  { node, cluster, asks, withoutApi }: AskingPodDeps,
  { pod }: Pick<PodCniCall, 'pod'>,
): Promise<AskingPod | undefined> {
  const { namespace, name } = pod;
  const isStatic = pod.uid !== undefined && STATIC_UID.test(pod.uid);
  try {
    const view = await cluster.pod(namespace, name);
    if (view === undefined) throw new Error('the API does not know it');
    const sought = soughtPod(view);
    if (pod.uid !== undefined && pod.uid !== uidInRuntime(sought))
      throw new Error('the API has another pod of its name');
    if (view.hostNetwork || !asksForNetworks(view, asks)) return undefined;
    return {
      sought,
      ofRun: { uid: view.uid, namespace, name, nodeName: node, definitions: hintOf(npwgDefinitions(view, asks)) },
    };
  } catch (error) {
    if (isStatic || (withoutApi === 'starts' && isAway(error))) return undefined;
    const why = error instanceof Error ? error.message : String(error);
    throw new CniAnswerError(CNI_CODES.tryAgainLater, `pod ${namespace}/${name}: ${why}`);
  }
}

const isAway = (error: unknown): boolean => error instanceof PodwireError && error.code === 'ApiUnavailable';

const soughtPod = ({ uid: podUid, runtimeUid, namespace, name }: PodView): SoughtPod => ({
  podUid,
  ...(runtimeUid === undefined ? {} : { runtimeUid }),
  namespace,
  name,
});
