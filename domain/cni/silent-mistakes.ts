/**
 * Mistakes of a configuration that plugins pass over without a word: the interface comes up without an address, or in another version
 * than was meant. They keep a definition from being used and not from being read, so that what was attached with it can be taken away.
 */
import { shown } from '../text/shown.ts';
import { isJsonList, isJsonObject, member, parseStrictJson } from '../text/strict-json.ts';
import type { CniCapabilityArgs, JsonObject, JsonValue } from './attachment.ts';
import type { ConfigProblem, NetworkConfig, NetworkPlugin } from './network-config.ts';

/** Semantic Versioning 2.0, as CNI SPEC 1.1 (section 1) wants versions. */
const VERSION = /^(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;

/** @param text of which `config` was read */
export function silentMistakes(text: string, config: NetworkConfig, asked: CniCapabilityArgs): ConfigProblem[] {
  const addresses = config.plugins.flatMap((plugin, index) =>
    addressProblems(plugin, config.isList ? `plugins[${index}].` : '', asked),
  );
  return [...versionProblems(text), ...addresses];
}

function versionProblems(text: string): ConfigProblem[] {
  const json = parseStrictJson(text, { maxBytes: Number.POSITIVE_INFINITY });
  const top = json.ok && isJsonObject(json.value) ? json.value : {};
  const single = textOf(member(top, 'cniVersion'));
  const several = member(top, 'cniVersions');
  return [
    ...(single === '' ? [] : malformed('cniVersion', [single])),
    ...(isJsonList(several) ? malformed('cniVersions', several.map(textOf)) : []),
  ];
}

/** One problem for each key is enough: the first version that is none. */
function malformed(key: string, versions: readonly string[]): ConfigProblem[] {
  const wrong = versions.find((version) => !VERSION.test(version));
  if (wrong === undefined) return [];
  return [invalid(key, `"${key}" has ${shown(wrong)}; allowed: three numbers with "." between them, such as 1.0.0`)];
}

function addressProblems(plugin: NetworkPlugin, at: string, asked: CniCapabilityArgs): ConfigProblem[] {
  const ipam = member(plugin.raw, 'ipam');
  if (!isJsonObject(ipam)) return [];
  const type = textOf(member(ipam, 'type'));
  const others = Object.keys(ipam).filter((key) => key !== 'type');
  if (type === '' && others.length > 0) {
    const found = `"${at}ipam" has ${others.slice(0, 4).map(shown).join(', ')} but no "type"`;
    const why = `${found}, so that plugins would attach without an address; allowed: the IPAM plugin's "type", or an empty "ipam"`;
    return [invalid('ipam', why)];
  }
  if (type !== 'static' || hasItems(member(ipam, 'addresses')) || hasItems(ipsInArgs(plugin.raw))) return [];
  const declared = plugin.capabilities.includes('ips');
  if (declared && hasItems(asked.ips)) return [];
  const then = declared
    ? 'and the pod asks for no "ips"; write one of them'
    : 'and the plugin does not declare "capabilities": {"ips": true} for a pod\'s own; write one of them';
  return [invalid('ipam', `"${at}ipam" is "static" without "addresses", ${then}: there would be no address`)];
}

function ipsInArgs(raw: JsonObject): JsonValue | undefined {
  const args = member(raw, 'args');
  const cni = isJsonObject(args) ? member(args, 'cni') : undefined;
  return isJsonObject(cni) ? member(cni, 'ips') : undefined;
}

const hasItems = (value: JsonValue | undefined): boolean => isJsonList(value) && value.length > 0;

const textOf = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '');

const invalid = (key: string, why: string): ConfigProblem => ({ code: 'CniConfigInvalid', key, why });
