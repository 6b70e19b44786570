/**
 * A CNI network configuration, one plugin (`.conf`) or a chain (`.conflist`), read strictly (CNI SPEC 1.1 section 1). Plugins are Go
 * programs and read keys without regard to case, so a key that decides something must be written exactly, and no two keys of an
 * object may differ in case only: else podwire would judge one value and the plugin use another.
 */
import { shown } from '../text/shown.ts';
import { foldedKey, isJsonList, isJsonObject, member, parseStrictJson, strangeKeys } from '../text/strict-json.ts';
import type { JsonObject, JsonValue } from './attachment.ts';

export interface NetworkPlugin {
  readonly type: string;
  /** Names of the capabilities that are declared `true`, in the order written. */
  readonly capabilities: readonly string[];
  /** The plugin's object as written. */
  readonly raw: JsonObject;
}

export interface NetworkConfig {
  readonly name: string;
  /** The highest of `cniVersion` and `cniVersions` that podwire knows. */
  readonly cniVersion: string;
  readonly disableCheck: boolean;
  readonly disableGC: boolean;
  readonly isList: boolean;
  readonly plugins: readonly NetworkPlugin[];
}

/** A mistake in a configuration; worded without its network, which the caller knows. */
export interface ConfigProblem {
  readonly code: 'CniConfigInvalid' | 'PluginNotAllowed' | 'HostKeyNotAllowed' | 'CapabilityMissing';
  readonly key?: string;
  readonly why: string;
}

export type ParsedNetworkConfig =
  | { readonly ok: true; readonly config: NetworkConfig }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

export const MAX_CONFIG_BYTES = 64 * 1024;
const MAX_PLUGINS = 16;

/** Ascending. */
const CNI_VERSIONS = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const MAX_NAME = 253;
const MAX_TYPE = 64;
const NAME_RULE = `a letter or digit, then letters, digits, "_", "." or "-", at most ${MAX_NAME}`;
const TYPE_RULE = `the name of a program: a letter or digit, then letters, digits, "_", "." or "-", without "..", at most ${MAX_TYPE}`;

const OWN_PLUGINS_ONLY = 'loadOnlyInlinedPlugins';
const LIST_KEYS = [
  'name',
  'plugins',
  'cniVersion',
  'cniVersions',
  'disableCheck',
  'disableGC',
  OWN_PLUGINS_ONLY,
  'type',
];
const RUNTIME_KEYS = ['runtimeConfig', 'prevResult'];
const PLUGIN_KEYS = ['type', 'name', 'cniVersion', 'capabilities', 'ipam', 'args', 'dns', 'delegate', ...RUNTIME_KEYS];

/**
 * Reads any text; never throws.
 * @param fallbackName name of the network where the configuration has none (NPWG 1.3, section 3.4.2)
 */
export function parseNetworkConfig(text: string, fallbackName: string): ParsedNetworkConfig {
  const json = parseStrictJson(text, { maxBytes: MAX_CONFIG_BYTES });
  if (!json.ok) return { ok: false, problems: [invalid(undefined, `the configuration ${json.why}`)] };
  if (!isJsonObject(json.value)) {
    return { ok: false, problems: [invalid(undefined, 'the configuration is no JSON object')] };
  }
  const top = json.value;
  const isList = Object.hasOwn(top, 'plugins');
  const problems = [...caseTwins(top), ...misspelt(top, LIST_KEYS)];
  if (isList && Object.hasOwn(top, 'type')) {
    problems.push(invalid('type', 'has both "type" and "plugins"; allowed: one plugin or a list of plugins'));
  }
  const name = nameOf(top, fallbackName, problems);
  const cniVersion = versionOf(top, problems);
  const flags = {
    disableCheck: flagOf(top, 'disableCheck', problems),
    disableGC: flagOf(top, 'disableGC', problems),
  };
  flagOf(top, OWN_PLUGINS_ONLY, problems);
  const plugins = isList ? pluginsOf(top, problems) : [pluginOf(top, '', problems)];
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, config: { name, cniVersion, ...flags, isList, plugins } };
}

/**
 * Name of the network whose list goes on with plugins from elsewhere; undefined where it does not, or has no name to find them by.
 * @param top a list, or what is meant to become one
 */
export function openListName(top: JsonObject): string | undefined {
  const name = member(top, 'name');
  const closed = member(top, OWN_PLUGINS_ONLY);
  if (closed === true || closed === 'true') return undefined;
  return typeof name === 'string' && name.length <= MAX_NAME && NAME.test(name) ? name : undefined;
}

export const isPluginType = (type: string): boolean =>
  type.length <= MAX_TYPE && NAME.test(type) && !type.includes('..');

function invalid(key: string | undefined, why: string): ConfigProblem {
  return { code: 'CniConfigInvalid', ...(key === undefined ? {} : { key }), why };
}

function nameOf(top: JsonObject, fallback: string, problems: ConfigProblem[]): string {
  // Go plugins cannot tell an empty name from none.
  const written = member(top, 'name') ?? '';
  const name = written === '' ? fallback : written;
  if (typeof name === 'string' && name.length <= MAX_NAME && NAME.test(name)) return name;
  problems.push(invalid('name', `"name" is ${described(name)}; allowed: ${NAME_RULE}`));
  return '';
}

function versionOf(top: JsonObject, problems: ConfigProblem[]): string {
  const single = member(top, 'cniVersion') ?? '';
  const several = member(top, 'cniVersions') ?? [];
  const allowed = `allowed: ${CNI_VERSIONS.join(', ')}`;
  if (typeof single !== 'string' || !isJsonList(several) || several.some((version) => typeof version !== 'string')) {
    problems.push(invalid('cniVersion', `"cniVersion" is no text or "cniVersions" no list of texts; ${allowed}`));
    return '';
  }
  const offered = [...(single === '' ? [] : [single]), ...several];
  const chosen = CNI_VERSIONS.findLast((version) => offered.includes(version));
  if (chosen !== undefined) return chosen;
  const found =
    offered.length === 0
      ? '"cniVersion" is missing, which means 0.1.0, whose results name no interface'
      : `"cniVersion" is ${offered.slice(0, 8).map(described).join(', ')}`;
  problems.push(invalid('cniVersion', `${found}; ${allowed}`));
  return '';
}

/** Go's library takes the words as well as the booleans (CNI SPEC 1.1 says boolean). */
function flagOf(top: JsonObject, key: string, problems: ConfigProblem[]): boolean {
  const value = member(top, key) ?? false;
  if (typeof value === 'boolean') return value;
  if (value === 'true' || value === 'false') return value === 'true';
  problems.push(invalid(key, `"${key}" is ${described(value)}; allowed: true or false`));
  return false;
}

function pluginsOf(top: JsonObject, problems: ConfigProblem[]): NetworkPlugin[] {
  const listed = member(top, 'plugins');
  if (!isJsonList(listed) || listed.length === 0 || listed.length > MAX_PLUGINS) {
    problems.push(invalid('plugins', `"plugins" must be a list of 1 to ${MAX_PLUGINS} plugins`));
    return [];
  }
  return listed.flatMap((value, index) => {
    if (isJsonObject(value)) return [pluginOf(value, `plugins[${index}].`, problems)];
    problems.push(invalid('plugins', `plugins[${index}] is ${described(value)}; allowed: a plugin's object`));
    return [];
  });
}

function pluginOf(raw: JsonObject, at: string, problems: ConfigProblem[]): NetworkPlugin {
  problems.push(...misspelt(raw, PLUGIN_KEYS, at));
  const type = typeOf(raw, at, problems);
  for (const key of Object.keys(raw)) {
    if (!RUNTIME_KEYS.includes(key) && !foldedKey(key).startsWith('cni.dev/')) continue;
    problems.push(invalid(key, `has the key ${shown(at + key)}, which only the runtime may set (CNI SPEC 1.1)`));
  }
  const ipam = member(raw, 'ipam') ?? {};
  if (!isJsonObject(ipam)) problems.push(invalid('ipam', `"${at}ipam" is ${described(ipam)}; allowed: an object`));
  else if (Object.keys(ipam).length > 0) {
    problems.push(...misspelt(ipam, ['type'], `${at}ipam.`));
    // `ipam` without a type means none to most plugins.
    if ((member(ipam, 'type') ?? '') !== '') typeOf(ipam, `${at}ipam.`, problems);
  }
  const args = member(raw, 'args') ?? {};
  if (!isJsonObject(args) || !isJsonObject(member(args, 'cni') ?? {})) {
    problems.push(invalid('args', `"${at}args" or its member "cni" is no object`));
  }
  return { type, capabilities: capabilitiesOf(raw, at, problems), raw };
}

function typeOf(object: JsonObject, at: string, problems: ConfigProblem[]): string {
  const type = member(object, 'type');
  if (typeof type === 'string' && isPluginType(type)) return type;
  const found = type === undefined ? 'is missing' : `is ${described(type)}`;
  problems.push(invalid('type', `"${at}type" ${found}; allowed: ${TYPE_RULE}`));
  return '';
}

function capabilitiesOf(raw: JsonObject, at: string, problems: ConfigProblem[]): string[] {
  const declared = member(raw, 'capabilities') ?? {};
  if (isJsonObject(declared) && Object.values(declared).every((value) => typeof value === 'boolean')) {
    return Object.keys(declared).filter((name) => declared[name] === true);
  }
  problems.push(invalid('capabilities', `"${at}capabilities" must be an object whose members are true or false`));
  return [];
}

/** Keys that Go would take for one of `known`. */
function misspelt(object: JsonObject, known: readonly string[], at = ''): ConfigProblem[] {
  return strangeKeys(object, known).flatMap(({ key, meant }) =>
    meant === undefined
      ? []
      : [invalid(key, `has the key ${shown(at + key)}, which plugins read as "${meant}"; did you mean "${meant}"?`)],
  );
}

/** Two keys of one object that differ in case only, at any depth. */
function caseTwins(value: JsonValue): ConfigProblem[] {
  if (isJsonList(value)) return value.flatMap(caseTwins);
  if (!isJsonObject(value)) return [];
  const seen = new Map<string, string>();
  const problems: ConfigProblem[] = [];
  for (const [key, inner] of Object.entries(value)) {
    const twin = seen.get(foldedKey(key));
    if (twin !== undefined) {
      const why = `has the keys ${shown(twin)} and ${shown(key)} in one object, which plugins take for the same; allowed: one`;
      problems.push(invalid(key, why));
    }
    seen.set(foldedKey(key), key);
    problems.push(...caseTwins(inner));
  }
  return problems;
}

function described(value: JsonValue): string {
  if (typeof value === 'string') return shown(value);
  if (value === null || typeof value !== 'object') return String(value);
  return isJsonList(value) ? 'a list' : 'an object';
}
