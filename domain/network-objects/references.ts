/** Definitions of other dialects that lead to a network object: `{"cniVersion":"1.0.0","type":"podwire","network":"blue"}`. */
import { MAX_CONFIG_BYTES } from '../cni/network-config.ts';
import type { JsonObject } from '../cni/attachment.ts';
import {
  definitionKey,
  type DefinitionLookup,
  type DefinitionRef,
  type NetworkDefinition,
} from '../cni/network-definition.ts';
import { isDnsLabel } from '../openvnf/names.ts';
import { shown } from '../text/shown.ts';
import { isJsonList, isJsonObject, member, parseStrictJson, strangeKeys } from '../text/strict-json.ts';
import type { NetworkObjectKind } from './declaration.ts';

/** No plugin has this name: podwire makes the link itself. */
const TYPE = 'podwire';
const KEYS = ['cniVersion', 'name', 'type', 'network', 'kind'] as const;
const KINDS: readonly NetworkObjectKind[] = ['Network', 'ClusterNetwork'];

/** The object that a configuration names. */
export interface NamedObject {
  readonly network: string;
  /** Absent: whichever of the two there is. */
  readonly kind?: NetworkObjectKind;
}

export type ObjectReading =
  { readonly ok: true; readonly value: NamedObject } | { readonly ok: false; readonly why: string };

/** Reads a configuration; undefined: it is for a CNI plugin, or no configuration at all. */
export function namedObject(text: string): ObjectReading | undefined {
  // Most definitions are for plugins, and are read in full later.
  if (!text.includes(TYPE)) return undefined;
  const json = parseStrictJson(text, { maxBytes: MAX_CONFIG_BYTES });
  if (!json.ok || !isJsonObject(json.value)) return undefined;
  if (member(json.value, 'type') === TYPE) return readConfig(json.value);
  const plugins = member(json.value, 'plugins');
  const isInList =
    isJsonList(plugins) && plugins.some((plugin) => isJsonObject(plugin) && member(plugin, 'type') === TYPE);
  if (!isInList) return undefined;
  return no(`has type "${TYPE}" in a list of plugins; allowed: a configuration of its own, without "plugins"`);
}

const no = (why: string): ObjectReading => ({ ok: false, why });

function readConfig(config: JsonObject): ObjectReading {
  const [strange] = strangeKeys(config, KEYS);
  if (strange !== undefined) {
    const hint = strange.meant === undefined ? '' : `; did you mean "${strange.meant}"?`;
    return no(
      `has the key ${shown(strange.key)}; allowed beside "type":"${TYPE}": ${KEYS.filter((key) => key !== 'type').join(', ')}, for the network object says everything else${hint}`,
    );
  }
  const network = member(config, 'network');
  if (typeof network !== 'string' || !isDnsLabel(network))
    return no('has no "network" that could be the name of a Network or ClusterNetwork (a DNS-1123 label)');
  const kind = member(config, 'kind');
  if (kind === undefined) return { ok: true, value: { network } };
  const known = KINDS.find((each) => each === kind);
  if (known === undefined) return no(`has a "kind" that is none; allowed: ${KINDS.join(', ')}, or none of them`);
  return { ok: true, value: { network, kind: known } };
}

/** The objects that a definition may mean; none for one that is for a CNI plugin. */
function objectsOf({ namespace, config }: Pick<NetworkDefinition, 'namespace' | 'config'>): readonly DefinitionRef[] {
  const found = namedObject(config);
  return found?.ok === true ? candidates(found.value, namespace) : [];
}

/** The objects that a name may mean. @param namespace in which a Network would lie */
export const candidates = ({ network, kind }: NamedObject, namespace: string): DefinitionRef[] => [
  ...(kind === 'ClusterNetwork' ? [] : [{ kind: 'network' as const, namespace, name: network }]),
  ...(kind === 'Network' ? [] : [{ kind: 'cluster-network' as const, namespace: '', name: network }]),
];

/** Those of several definitions, each once. */
export function objectsOfAll(definitions: readonly NetworkDefinition[]): readonly DefinitionRef[] {
  return [...new Map(definitions.flatMap(objectsOf).map((ref) => [definitionKey(ref), ref])).values()];
}

export type FoundObject =
  | { readonly kind: 'found'; readonly definition: NetworkDefinition }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unreadable' }
  | { readonly kind: 'ambiguous' };

/** The one object that a definition means. @param namespace of the definition */
export function foundObject(named: NamedObject, namespace: string, lookup: DefinitionLookup): FoundObject {
  const found = candidates(named, namespace).map(lookup);
  // While one kind cannot be read, nobody knows whether the name is that of two objects.
  if (found.includes('unreadable')) return { kind: 'unreadable' };
  const definitions = found.filter((each) => typeof each !== 'string');
  const [definition] = definitions;
  if (definition === undefined) return { kind: 'absent' };
  return definitions.length > 1 ? { kind: 'ambiguous' } : { kind: 'found', definition };
}
