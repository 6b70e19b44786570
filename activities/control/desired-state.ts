/** Reads what a pod asks for at this moment. Nowhere else in the orchestrator do annotation, ConfigMap and settings come together. */
import { definitionKey, type DefinitionLookup, type DefinitionRef } from '../../domain/cni/network-definition.ts';
import { desiredInputs, referencedDefinitions, type Surroundings } from '../../domain/desired-inputs.ts';
import type { ParsedSelections } from '../../domain/network-selection.ts';
import { recordedLinks, type OwnLink } from '../../domain/status/podwire-status.ts';
import { parseConfigMap, type DeclaredNetworks } from '../../domain/openvnf/config-map.ts';
import { objectsNamed } from '../../domain/openvnf/object-networks.ts';
import { objectsOfAll } from '../../domain/network-objects/references.ts';
import { BEING_DELETED } from '../../domain/network-objects/selections.ts';
import { openvnfAnnotation } from '../../domain/openvnf/selections.ts';
import type { Cluster } from '../../domain/ports/cluster.ts';
import type { IpCodec } from '../../domain/ports/ip-codec.ts';
import type { PodIdentity, PodView } from '../../domain/pod/pod-view.ts';
import { rejoinsOf } from '../../domain/plan/published-claims.ts';
import type { PodRecords } from '../../domain/ports/record-store.ts';
import type { DialectSettings } from '../../domain/settings.ts';

export interface DesiredStateDeps {
  readonly cluster: Cluster;
  readonly ip: IpCodec;
  readonly settings: DialectSettings;
  /** sha256 of a canonical text, as hexadecimal. */
  readonly hash: (canonical: string) => string;
  /** As hexadecimal; Kaloom's interface names are made with it. */
  readonly md5: (text: string) => string;
}

export interface DesiredState {
  readonly pod: PodView;
  readonly parsed: ParsedSelections;
  /** As the watcher computes it. The watcher knows no records. */
  readonly inputsHash: string;
  /** Hash of what people wrote: the same before and after the pod starts. */
  readonly askedHash: string;
  /** podwire's links as they were recorded when the pod was read. */
  readonly recorded: readonly OwnLink[];
}

/** What was read of a pod. What the pod asks for is known only together with the pod's records. */
export interface Reading extends Pick<DesiredState, 'pod' | 'inputsHash'> {
  readonly beside: (recorded: Pick<PodRecords, 'attachments' | 'isWhole'>) => DesiredState;
}

/**
 * Reads what the pod's desired networks follow from. Undefined: no pod of this UID exists; its name may belong to another pod by now.
 * @param expected CNI networks that the pod most likely names: their definitions are read while the pod is
 */
export async function readDesiredState(
  deps: DesiredStateDeps,
  identity: PodIdentity,
  expected: readonly DefinitionRef[] = [],
): Promise<Reading | undefined> {
  const { cluster, settings, ip } = deps;
  const readConfigMap = () => cluster.configMap(settings.configMapNamespace, settings.configMapName);
  // A pod that names CNI networks hardly ever has other networks too.
  const earlyConfigMap = expected.length === 0 ? readConfigMap() : undefined;
  const early = new Map(expected.map((ref) => [definitionKey(ref), readDefinition(cluster, ref)]));
  // Nobody waits for a definition that the pod does not name.
  for (const reading of early.values()) reading.catch(() => undefined);
  const [pod] = await Promise.all([cluster.pod(identity.namespace, identity.name), earlyConfigMap]);
  if (pod === undefined || pod.uid !== identity.uid) return undefined;
  const [asked, named] = await Promise.all([
    openvnfAnnotation(pod, settings) === undefined ? undefined : (earlyConfigMap ?? readConfigMap()),
    readDefinitions(cluster, referencedDefinitions(pod, settings), early),
  ]);
  const byDefinition = objectsOfAll([...named.values()].filter((definition) => typeof definition !== 'string'));
  const inConfigMap = declaredIn(asked, ip, settings);
  const objects = [...byDefinition, ...objectsByName(pod, inConfigMap, deps)];
  // The ConfigMap may declare the name of an object too.
  const [declaring, data] =
    objects.length === 0
      ? [[], asked]
      : await Promise.all([readDefinitions(cluster, objects, early), asked ?? earlyConfigMap ?? readConfigMap()]);
  const declared = data === asked ? inConfigMap : declaredIn(data, ip, settings);
  const surroundings: Surroundings = {
    declared,
    definitions: lookupIn(new Map([...named, ...declaring])),
    md5: deps.md5,
  };
  const written = desiredInputs(pod, surroundings, settings, ip);
  const inputsHash = deps.hash(written.canonical);
  return {
    pod,
    inputsHash,
    beside: ({ attachments, isWhole }) => {
      const records = attachments.map(({ value }) => value);
      const recorded = recordedLinks(records);
      // Without podwire's own status, which somebody else may have removed, podwire's work would look like that of another runtime.
      const isUnsure = (written.parsed.foreign ?? []).some((entry) =>
        recorded.some(({ interfaceName }) => interfaceName === entry.interfaceName),
      );
      const isLeftOut = !isWhole && written.parsed.problems.some(({ code }) => code === BEING_DELETED);
      const rejoins = isLeftOut ? rejoinsOf(pod.publishedStatus, records) : undefined;
      const known = { ...(isUnsure ? { recorded } : {}), ...(rejoins === undefined ? {} : { rejoins }) };
      const isAsWritten = !isUnsure && rejoins === undefined;
      const { parsed, asked } = isAsWritten ? written : desiredInputs(pod, { ...surroundings, ...known }, settings, ip);
      return { pod, parsed, inputsHash, askedHash: deps.hash(asked), recorded };
    },
  };
}

/** A reading that was compared with the pod's records before. */
export const alreadyBeside = (desiredState: DesiredState): Reading => ({ ...desiredState, beside: () => desiredState });

/** Objects that openvnf's annotation may name. */
function objectsByName(
  pod: PodView,
  declared: DeclaredNetworks | 'absent',
  { ip, settings }: DesiredStateDeps,
): readonly DefinitionRef[] {
  const annotation = openvnfAnnotation(pod, settings);
  if (annotation === undefined || !settings.npwg.enabled) return [];
  return objectsNamed(annotation, declared, pod.namespace, ip, settings.compatibility);
}

const declaredIn = (
  data: Readonly<Record<string, string>> | undefined,
  ip: IpCodec,
  { compatibility }: DialectSettings,
): DeclaredNetworks | 'absent' => (data === undefined ? 'absent' : parseConfigMap(data, ip, compatibility));

type Definition = ReturnType<DefinitionLookup>;

const readDefinition = async (cluster: Cluster, ref: DefinitionRef): Promise<Definition> =>
  (await cluster.definition(ref)) ?? 'absent';

async function readDefinitions(
  cluster: Cluster,
  refs: readonly DefinitionRef[],
  early: ReadonlyMap<string, Promise<Definition>>,
): Promise<ReadonlyMap<string, Definition>> {
  const found = await Promise.all(
    refs.map(async (ref) => {
      const key = definitionKey(ref);
      return [key, await (early.get(key) ?? readDefinition(cluster, ref))] as const;
    }),
  );
  return new Map(found);
}

const lookupIn =
  (definitions: ReadonlyMap<string, Definition>): DefinitionLookup =>
  (ref) =>
    definitions.get(definitionKey(ref)) ?? 'unreadable';

/** The address that other members send to: the pod's primary address, as in kube-vxlan-controller. */
export const vtepOf = (pod: PodView): string | undefined => pod.podIPs[0];
