/** The configuration that kactus gives to the plugin of a Network object, put together from values and not from pieces of text. */
import { canonicalJson } from '../text/canonical-json.ts';
import type { JsonObject } from '../cni/attachment.ts';
import { MAX_CONFIG_BYTES } from '../cni/network-config.ts';
import type { NetworkDefinition } from '../cni/network-definition.ts';
import { shown } from '../text/shown.ts';
import { read, refused, type Reading } from '../openvnf/reading.ts';
import { isJsonObject, member, parseStrictJson } from '../text/strict-json.ts';

/** The version in kactus's own manifest; kactus writes its own over that of every Network. */
const DEFAULT_CNI_VERSION = '0.3.1';

/**
 * `{type, networkName, …spec.config}` as deterministic text. The configuration's own `type` wins over `spec.plugin`, as the later
 * of two equal keys did in the original; its `cniVersion` is kept.
 */
export function delegateConfig(definition: NetworkDefinition): Reading<string> {
  if (definition.plugin === '' || definition.config.trim() === '') {
    return refused('its Network has an empty spec.plugin or spec.config; both are needed');
  }
  const json = parseStrictJson(definition.config, { maxBytes: MAX_CONFIG_BYTES });
  if (!json.ok) return refused(`spec.config of its Network ${json.why}`);
  if (!isJsonObject(json.value)) return refused('spec.config of its Network is no JSON object');
  const own: JsonObject = json.value;
  const networkName = member(own, 'networkName') ?? definition.name;
  if (networkName !== definition.name) {
    const found = typeof networkName === 'string' ? shown(networkName) : 'no text';
    return refused(`spec.config of its Network has networkName ${found}; allowed: ${definition.name}, or leave it out`);
  }
  if (Object.hasOwn(own, 'plugins')) {
    return refused('spec.config of its Network is a list of plugins; allowed: the configuration of one plugin');
  }
  return read(
    canonicalJson({ type: definition.plugin, cniVersion: DEFAULT_CNI_VERSION, ...own, networkName: definition.name }),
  );
}
