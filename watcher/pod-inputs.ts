/** What a pod asks for under the ConfigMap as last seen, reduced to what the watcher decides with. */
import { inputsHash } from '../adapters/hash/inputs-hash.ts';
import { desiredInputs } from '../domain/inputs.ts';
import { parseConfigMap, type DeclaredNetworks } from '../domain/openvnf/config-map.ts';
import type { PodView } from '../domain/pod-view.ts';
import type { IpCodec } from '../domain/ports/ip-codec.ts';
import type { DialectSettings } from '../domain/settings.ts';

export interface PodInputs {
  readonly hash: string;
  /** The pod is on a node and asks for networks, rightly or wrongly. */
  readonly wanting: boolean;
}

export class PodInputsReader {
  readonly #settings: DialectSettings;
  readonly #ip: IpCodec;
  #declared: DeclaredNetworks | 'absent' | undefined;

  constructor(settings: DialectSettings, ip: IpCodec) {
    this.#settings = settings;
    this.#ip = ip;
  }

  /** @param data of the ConfigMap; undefined when there is none */
  declare(data: Readonly<Record<string, string>> | undefined): void {
    this.#declared = data === undefined ? 'absent' : parseConfigMap(data, this.#ip);
  }

  isSelected(pod: PodView): boolean {
    return Object.hasOwn(pod.labels, this.#settings.selector);
  }

  read(pod: PodView): PodInputs {
    const { parsed, canonical } = desiredInputs(pod, this.#declared, this.#settings, this.#ip);
    const asks = parsed.selections.length + parsed.problems.length + parsed.keep.length > 0;
    return { hash: inputsHash(canonical), wanting: asks && pod.phaseClass === 'counts' };
  }
}
