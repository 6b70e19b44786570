/**
 * The network configuration that puts podwire's plugin behind a node's own: the first configuration of the runtime's folder, with one plugin
 * more at its end. The runtime takes the first file by name (containerd's `max_conf_num`, libcni's ConfFiles), so ours goes before all others.
 */
import type { JsonObject } from '../cni/attachment.ts';
import { MAX_CONFIG_BYTES } from '../cni/network-config.ts';
import { isConfigurationFile } from '../cni/node-configs.ts';
import { shown, shownJson } from '../text/shown.ts';
import { isJsonList, isJsonObject, member, parseStrictJson } from '../text/strict-json.ts';
import { DEFAULT_CNI_SOCKET } from './configuration.ts';
import { CNI_SERVER_VERSIONS, isCniServerVersion } from './versions.ts';

/** Before `00-multus.conf` and whatever else begins with two zeros and a letter. */
export const CHAINED_FILE = '00-00-podwire.conflist';
const PLUGIN = 'podwire-cni';

export interface ConfigurationFile {
  readonly name: string;
  readonly text: string;
}
/** `undefined` as text: the node's own configuration has podwire's plugin already. */
export type ChainedList =
  | { readonly ok: true; readonly from: string; readonly text: string | undefined }
  | {
      readonly ok: false;
      readonly why: string;
      /** The node's network may just be being written: what stands there is left until there is another one. */
      readonly isPassing: boolean;
    };

/** @param files of the runtime's folder, ours among them or not */
export function chainedList(files: readonly ConfigurationFile[], socket: string): ChainedList {
  const [first] = files
    .filter(({ name }) => name !== CHAINED_FILE && isConfigurationFile(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  if (first === undefined)
    return { ok: false, why: 'there is no network configuration to stand behind', isPassing: true };
  const problem = (why: string, isPassing = false): ChainedList => ({
    ok: false,
    why: `${first.name} ${why}`,
    isPassing,
  });
  if (first.name < CHAINED_FILE) return problem(`would be taken before ${CHAINED_FILE}; rename it`);
  const json = parseStrictJson(first.text, { maxBytes: MAX_CONFIG_BYTES });
  if (!json.ok) return problem(json.why, true);
  if (!isJsonObject(json.value)) return problem('is no JSON object', true);
  const list = asList(json.value);
  const plugins = member(list, 'plugins');
  if (!isJsonList(plugins) || plugins.length === 0) return problem('has no plugins', true);
  const types = plugins.map((plugin) => (isJsonObject(plugin) ? member(plugin, 'type') : undefined));
  if (types.includes(PLUGIN)) return { ok: true, from: first.name, text: undefined };
  // It makes its own configuration of the first one in this folder: each would be made of the other.
  if (types.some((type) => typeof type === 'string' && type.startsWith('multus')))
    return problem(`is Multus'; write a list of it with ${shown(PLUGIN)} behind it`);
  const version = member(list, 'cniVersion');
  if (!isCniServerVersion(version))
    return problem(`has cniVersion ${shownJson(version ?? null)}; allowed: ${CNI_SERVER_VERSIONS.join(', ')}`);
  const own = { type: PLUGIN, ...(socket === DEFAULT_CNI_SOCKET ? {} : { socket }) };
  return { ok: true, from: first.name, text: `${JSON.stringify({ ...list, plugins: [...plugins, own] }, null, 2)}\n` };
}

/** A single plugin becomes a list of one. The name stays: addresses are kept under it. */
function asList(top: JsonObject): JsonObject {
  if (Object.hasOwn(top, 'plugins')) return top;
  const { cniVersion, name, ...plugin } = top;
  return {
    ...(cniVersion === undefined ? {} : { cniVersion }),
    ...(name === undefined ? {} : { name }),
    plugins: [plugin],
  };
}
