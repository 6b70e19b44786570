/** Everything that decides about a pod's networks, in one place: the watcher hashes it, the orchestrator plans from it. */
import { agentInputs } from './pod/agents.ts';
import { fitForBackend } from './plan/backend-fit.ts';
import { fitForNetwork } from './pod/host-network.ts';
import { isGeneratedName } from './plan/interface-names.ts';
import { canonicalJson, type JsonValue } from './text/canonical-json.ts';
import type { DefinitionLookup, DefinitionRef } from './cni/network-definition.ts';
import { kaloomReferences } from './kaloom/references.ts';
import { parseKaloomSelections } from './kaloom/selections.ts';
import { networkKey, type ParsedSelections } from './network-selection.ts';
import type { Rejoins } from './plan/published-claims.ts';
import type { OwnLink } from './status/podwire-status.ts';
import { npwgReferences } from './npwg/references.ts';
import { parseNpwgSelections } from './npwg/selections.ts';
import { parseSelections, type SelectionsInput } from './openvnf/selections.ts';
import { backendOf } from './target.ts';
import type { PodView } from './pod/pod-view.ts';
import type { IpCodec } from './ports/ip-codec.ts';
import { KALOOM_ANNOTATION, NPWG_NETWORKS_ANNOTATION, type AskSettings, type DialectSettings } from './settings.ts';

/** To be raised when the same annotation comes to mean something else, so that converged records of older versions do not match. */
const INPUTS_VERSION = 1;

/** What a pod's annotations refer to, as it is now. */
export interface Surroundings {
  /** The parsed ConfigMap, `absent` when there is none, undefined when it could not be read. */
  readonly declared: SelectionsInput['declared'];
  readonly definitions: DefinitionLookup;
  /** md5 of a text, as hexadecimal. */
  readonly md5: (text: string) => string;
  /**
   * podwire's links as its records have them: to plan with, where the annotations do not tell its own work from that of another runtime.
   * Who compares hashes leaves it out: the watcher knows no records.
   */
  readonly recorded?: readonly OwnLink[];
  /**
   * What the pod is to have again although its network object is being deleted, while the store is not whole. Who compares hashes leaves it out,
   * for the same reason.
   */
  readonly rejoins?: Rejoins;
}

export interface DesiredInputs {
  readonly parsed: ParsedSelections;
  /** Deterministic JSON of all inputs (ADR 31); its hash is the `inputsHash`. Callers hash it. */
  readonly canonical: string;
  /** The part of it that people write: a pod that starts, moves or gets an address asks for the same. */
  readonly asked: string;
}

const MAX_HINTED = 8;

/** Whether a pod carries anything that some dialect reads; all others cost no parsing. */
export function asksForNetworks(pod: Pick<PodView, 'labels' | 'annotations'>, settings: AskSettings): boolean {
  return (
    Object.hasOwn(pod.labels, settings.selector) ||
    (settings.npwg.enabled && Object.hasOwn(pod.annotations, NPWG_NETWORKS_ANNOTATION)) ||
    (settings.kaloom.enabled && Object.hasOwn(pod.annotations, KALOOM_ANNOTATION))
  );
}

/** Of the definitions that a pod references, the first few: a hint for its run, which reads them at once. */
export const hintOf = (definitions: readonly DefinitionRef[]): readonly DefinitionRef[] =>
  definitions.slice(0, MAX_HINTED);

/** The definitions that it references by the NPWG's annotation. */
export function npwgDefinitions(
  { annotations, namespace }: Pick<PodView, 'annotations' | 'namespace'>,
  { npwg }: Pick<AskSettings, 'npwg'>,
): readonly DefinitionRef[] {
  const text = npwg.enabled ? annotations[NPWG_NETWORKS_ANNOTATION] : undefined;
  return text === undefined ? [] : npwgReferences(text, namespace);
}

/** The definitions that have to be looked up before the pod's desired networks can be read. */
export function referencedDefinitions(pod: PodView, settings: DialectSettings): readonly DefinitionRef[] {
  const kaloom = settings.kaloom.enabled ? pod.annotations[KALOOM_ANNOTATION] : undefined;
  return [...npwgDefinitions(pod, settings), ...(kaloom === undefined ? [] : kaloomReferences(kaloom, settings))];
}

/** Reads a pod's desired networks. Pure and total. Warnings change nothing, but an edit that brings one has to be answered with it. */
export function desiredInputs(
  pod: PodView,
  { declared, definitions, md5, recorded, rejoins }: Surroundings,
  settings: DialectSettings,
  ip: IpCodec,
): DesiredInputs {
  const parts = [
    parseNpwgSelections({ pod, lookup: definitions, settings, ip, declared, recorded, rejoins }),
    parseSelections({ pod, declared, settings, ip, rejoins, lookup: settings.npwg.enabled ? definitions : undefined }),
    parseKaloomSelections({ pod, lookup: definitions, settings, md5 }),
  ];
  const backend = backendOf(pod.namespace, settings.agents.backend);
  const all: ParsedSelections = {
    selections: parts.flatMap(({ selections }) => selections),
    problems: parts.flatMap(({ problems }) => problems),
    warnings: parts.flatMap(({ warnings }) => warnings),
    keep: parts.flatMap(({ keep }) => keep),
    foreign: parts.flatMap(({ foreign }) => foreign ?? []),
    inline: parts.flatMap(({ inline }) => inline ?? []),
    reserved: [...new Set(parts.flatMap(({ reserved }) => reserved ?? []))].filter(isGeneratedName).sort(),
  };
  const parsed = fitForBackend(fitForNetwork(all, pod), pod, backend, settings.agents);
  const agents = agentInputs(pod, backend);
  const asked = {
    v: INPUTS_VERSION,
    // Plain JSON by its types; an interface has no index signature, so the compiler has to be told.
    selections: parsed.selections as unknown as JsonValue,
    problems: parsed.problems.map(({ code, message }) => ({ code, message })),
    warnings: parsed.warnings.map(({ code, message }) => ({ code, message })),
    keep: parsed.keep,
    foreign: (parsed.foreign ?? []).map(({ interfaceName, network, satisfies }) => ({
      ...{ interfaceName, network },
      // The status names what it was asked for as, so an edit that asks for it or gives it up has to be answered.
      ...(satisfies === undefined ? {} : { satisfies: networkKey(satisfies) }),
    })),
    reserved: parsed.reserved ?? [],
  };
  const canonical = canonicalJson({
    ...asked,
    nodeName: pod.nodeName,
    podIPs: pod.podIPs,
    phaseClass: pod.phaseClass,
    hostNetwork: pod.hostNetwork,
    ...(agents === undefined ? {} : { agents }),
  });
  return { parsed, canonical, asked: canonicalJson(asked) };
}
