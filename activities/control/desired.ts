/** Reads what a pod asks for, now: the one place where annotation, ConfigMap and settings come together for the orchestrator. */
import {
  definitionKey,
  type DefinitionLookup,
  type DefinitionRef,
  type NetworkDefinition,
} from '../../domain/cni/network-definition.ts';
import { desiredInputs, referencedDefinitions } from '../../domain/inputs.ts';
import type { ParsedSelections } from '../../domain/network-selection.ts';
import { parseConfigMap } from '../../domain/openvnf/config-map.ts';
import type { Cluster } from '../../domain/ports/cluster.ts';
import type { IpCodec } from '../../domain/ports/ip-codec.ts';
import type { PodIdentity, PodView } from '../../domain/pod-view.ts';
import type { DialectSettings } from '../../domain/settings.ts';

export interface DesiredDeps {
  readonly cluster: Cluster;
  readonly ip: IpCodec;
  readonly settings: DialectSettings;
  /** sha256 of a canonical text, as hexadecimal. */
  readonly hash: (canonical: string) => string;
  /** As hexadecimal; Kaloom's interface names are made with it. */
  readonly md5: (text: string) => string;
}

export interface Desired {
  readonly pod: PodView;
  readonly parsed: ParsedSelections;
  readonly inputsHash: string;
  /** Hash of what people wrote: the same before and after the pod starts. */
  readonly askedHash: string;
}

/**
 * The pod's wishes, or undefined when no pod of this UID exists (its name may belong to another pod by now).
 * @param expected CNI networks that it most likely names: they are read beside it
 */
export async function readDesired(
  deps: DesiredDeps,
  identity: PodIdentity,
  expected: readonly DefinitionRef[] = [],
): Promise<Desired | undefined> {
  const { cluster, settings, ip } = deps;
  const early = new Map(expected.map((ref) => [definitionKey(ref), readDefinition(cluster, ref)]));
  // Nobody waits for those that the pod does not name.
  for (const reading of early.values()) reading.catch(() => undefined);
  const [pod, data] = await Promise.all([
    cluster.pod(identity.namespace, identity.name),
    cluster.configMap(settings.configMapNamespace, settings.configMapName),
  ]);
  if (pod === undefined || pod.uid !== identity.uid) return undefined;
  const declared = data === undefined ? 'absent' : parseConfigMap(data, ip, settings.compatibility);
  const definitions = await readDefinitions(cluster, referencedDefinitions(pod, settings), early);
  const { parsed, canonical, asked } = desiredInputs(pod, { declared, definitions, md5: deps.md5 }, settings, ip);
  return { pod, parsed, inputsHash: deps.hash(canonical), askedHash: deps.hash(asked) };
}

type Definition = NetworkDefinition | 'absent';

const readDefinition = async (cluster: Cluster, ref: DefinitionRef): Promise<Definition> =>
  (await cluster.definition(ref)) ?? 'absent';

async function readDefinitions(
  cluster: Cluster,
  refs: readonly DefinitionRef[],
  early: ReadonlyMap<string, Promise<Definition>>,
): Promise<DefinitionLookup> {
  const found = await Promise.all(
    refs.map(async (ref) => {
      const key = definitionKey(ref);
      return [key, await (early.get(key) ?? readDefinition(cluster, ref))] as const;
    }),
  );
  const byKey = new Map(found);
  return (ref) => byKey.get(definitionKey(ref)) ?? 'unreadable';
}

/** Address that other members send to: the pod's primary address, as in kube-vxlan-controller. */
export const vtepOf = (pod: PodView): string | undefined => pod.podIPs[0];
