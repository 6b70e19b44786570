/** What the pods of a cluster ask for, from the API alone: the annotation's parser is tested by itself. */
import { md5 } from '../../adapters/hash/md5.ts';
import { ipCodec } from '../../adapters/ip/ip-codec.ts';
import { definitionView } from '../../adapters/kubernetes/definitions.ts';
import { podKeys, podView } from '../../adapters/kubernetes/pod-view.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import { kubectl, type Lab } from '../../deploy/lab/lab.ts';
import { definitionKey, type DefinitionLookup } from '../../domain/cni/network-definition.ts';
import { desiredInputs } from '../../domain/desired-inputs.ts';
import { networkKey, type NetworkSelection, type VxlanSelection } from '../../domain/network-selection.ts';
import { parseConfigMap } from '../../domain/openvnf/config-map.ts';
import type { PodView } from '../../domain/pod/pod-view.ts';
import type { AttachmentRecord } from '../../domain/records.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../domain/settings.ts';

export interface AskingPod extends PodRef {
  readonly view: PodView;
  /** Asked for by a pod that lives on the pod network; empty otherwise. */
  readonly selections: readonly NetworkSelection[];
  /** Those of them that are VXLAN links. */
  readonly vxlan: readonly VxlanSelection[];
  /** `ParsedSelections.keep`: what is attached stays. */
  readonly keep: readonly string[];
}

/** Every pod of the cluster. */
export async function askingPods(lab: Lab): Promise<AskingPod[]> {
  const settings = DEFAULT_DIALECT_SETTINGS;
  const { configMapNamespace, configMapName } = settings;
  const [pods, maps, definitions] = await Promise.all([
    kubectl(lab, ['get', 'pods', '-A', '-o', 'json']),
    kubectl(lab, ['-n', configMapNamespace, 'get', 'configmap', configMapName, '--ignore-not-found', '-o', 'json']),
    definitionsIn(lab),
  ]);
  const data = maps.trim() === '' ? undefined : ((JSON.parse(maps) as { data?: Record<string, string> }).data ?? {});
  const declared = data === undefined ? 'absent' : parseConfigMap(data, ipCodec);
  return (JSON.parse(pods) as { items: unknown[] }).items.flatMap((object) => {
    const view = podView(object, podKeys(settings));
    if (view === undefined) return [];
    const live = view.phaseClass === 'counts' && !view.hostNetwork && view.podIPs.length > 0;
    const { parsed } = desiredInputs(view, { declared, definitions, md5 }, settings, ipCodec);
    const selections = live ? parsed.selections : [];
    return [
      {
        namespace: view.namespace,
        name: view.name,
        view,
        selections,
        vxlan: selections.filter((selection) => selection.kind === 'vxlan'),
        keep: parsed.keep,
      },
    ];
  });
}

/** Whether a record is that of a wish; a CNI selection may leave the interface's name to podwire. */
export function isDesiredOf(desired: NetworkSelection, record: AttachmentRecord): boolean {
  if (desired.kind !== record.kind || networkKey(desired.network) !== networkKey(record.network)) return false;
  const asked = desired.kind === 'vxlan' ? desired.link.interfaceName : desired.cni.interfaceName;
  return asked === record.interfaceName || asked === '';
}

/** NetworkAttachmentDefinitions of the cluster; Kaloom's networks are off in a lab. */
async function definitionsIn(lab: Lab): Promise<DefinitionLookup> {
  const text = await kubectl(lab, ['get', 'network-attachment-definitions.k8s.cni.cncf.io', '-A', '-o', 'json']);
  const views = (JSON.parse(text) as { items: unknown[] }).items.map((object) => definitionView('nad', object));
  const byKey = new Map(views.flatMap((view) => (view === undefined ? [] : [[definitionKey(view), view] as const])));
  return (ref) => byKey.get(definitionKey(ref)) ?? 'absent';
}
