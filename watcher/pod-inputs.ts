/** What a pod asks for under the ConfigMap and the CNI networks as last seen, reduced to what the watcher decides with. */
import { shutGate } from '../domain/pod/agents.ts';
import { inputsHash } from '../adapters/hash/inputs-hash.ts';
import { md5 } from '../adapters/hash/md5.ts';
import type { DefinitionLookup, DefinitionRef } from '../domain/cni/network-definition.ts';
import { asksForNetworks, desiredInputs, hintOf, referencedDefinitions } from '../domain/desired-inputs.ts';
import { networkKey, type ParsedSelections } from '../domain/network-selection.ts';
import { parseConfigMap, type DeclaredNetworks } from '../domain/openvnf/config-map.ts';
import { objectsOfAll } from '../domain/network-objects/references.ts';
import type { PodView } from '../domain/pod/pod-view.ts';
import type { IpCodec } from '../domain/ports/ip-codec.ts';
import type { DialectSettings } from '../domain/settings.ts';

export interface PodInputs {
  readonly hash: string;
  /** The pod is on a node and asks for networks, rightly or wrongly. */
  readonly wanting: boolean;
  /** Networks that it asks for and is to have, by key. */
  readonly networks: readonly string[];
}

export class PodInputsReader {
  readonly #settings: DialectSettings;
  readonly #ip: IpCodec;
  readonly #definitions: DefinitionLookup;
  #declared: DeclaredNetworks | 'absent' | undefined;

  /** @param definitions CNI networks as last seen */
  constructor(settings: DialectSettings, ip: IpCodec, definitions: DefinitionLookup) {
    this.#definitions = definitions;
    this.#settings = settings;
    this.#ip = ip;
  }

  /** @param data of the ConfigMap; undefined when there is none */
  declare(data: Readonly<Record<string, string>> | undefined): void {
    this.#declared = data === undefined ? 'absent' : parseConfigMap(data, this.#ip, this.#settings.compatibility);
  }

  isSelected(pod: PodView): boolean {
    return asksForNetworks(pod, this.#settings);
  }

  read(pod: PodView): PodInputs {
    const surroundings = { declared: this.#declared, definitions: this.#definitions, md5 };
    const { parsed, canonical } = desiredInputs(pod, surroundings, this.#settings, this.#ip);
    const asks = parsed.selections.length + parsed.problems.length + parsed.keep.length > 0;
    // A pod that asks for nothing may still wait in its agent init container.
    const wants = asks || this.#mayTakeOver(parsed) || shutGate(pod) !== undefined;
    const counts = pod.phaseClass === 'counts';
    const networks = counts ? parsed.selections.map(({ network }) => networkKey(network)) : [];
    return { hash: inputsHash(canonical), wanting: wants && counts, networks };
  }

  /** What another runtime did for the annotation is noted in the pod's status, so that it is known when the annotation gives it up. */
  #mayTakeOver({ foreign = [] }: ParsedSelections): boolean {
    const { adoptForeign } = this.#settings.npwg;
    return adoptForeign && foreign.some(({ satisfies, takenOut }) => (satisfies ?? takenOut) !== undefined);
  }

  /** Definitions that it names and the objects that these name, the first few: a hint for the run, which reads them at once. */
  definitionsOf(pod: PodView): readonly DefinitionRef[] {
    const named = referencedDefinitions(pod, this.#settings);
    const found = named.map(this.#definitions).filter((definition) => typeof definition !== 'string');
    return hintOf([...named, ...objectsOfAll(found)]);
  }
}
