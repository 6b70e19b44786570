/** What the pods of a cluster ask for, from the API alone: the annotation's parser is tested by itself. */
import { ipCodec } from '../../adapters/ip/ip-codec.ts';
import { podKeys, podView } from '../../adapters/kubernetes/pod-view.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { kubectl, type Lab } from '../../deploy/lab/lab.ts';
import { desiredInputs } from '../../domain/inputs.ts';
import type { NetworkSelection } from '../../domain/network-selection.ts';
import { parseConfigMap } from '../../domain/openvnf/config-map.ts';
import type { PodView } from '../../domain/pod-view.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../domain/settings.ts';

export interface WishingPod extends PodRef {
  readonly view: PodView;
  /** Asked for by a pod that lives on the pod network; empty otherwise. */
  readonly selections: readonly NetworkSelection[];
  /** Networks whose declaration vanished or is broken: what is attached stays. */
  readonly keep: readonly string[];
}

/** Every pod of the cluster. */
export async function wishingPods(lab: Lab): Promise<WishingPod[]> {
  const settings = DEFAULT_DIALECT_SETTINGS;
  const { configMapNamespace, configMapName } = settings;
  const [pods, maps] = await Promise.all([
    kubectl(lab, ['get', 'pods', '-A', '-o', 'json']),
    kubectl(lab, ['-n', configMapNamespace, 'get', 'configmap', configMapName, '--ignore-not-found', '-o', 'json']),
  ]);
  const data = maps.trim() === '' ? undefined : ((JSON.parse(maps) as { data?: Record<string, string> }).data ?? {});
  const declared = data === undefined ? 'absent' : parseConfigMap(data, ipCodec);
  return (JSON.parse(pods) as { items: unknown[] }).items.flatMap((object) => {
    const view = podView(object, podKeys(settings));
    if (view === undefined) return [];
    const live = view.phaseClass === 'counts' && !view.hostNetwork && view.podIPs.length > 0;
    const { parsed } = desiredInputs(view, declared, settings, ipCodec);
    return [
      {
        namespace: view.namespace,
        name: view.name,
        view,
        selections: live ? parsed.selections : [],
        keep: parsed.keep,
      },
    ];
  });
}
