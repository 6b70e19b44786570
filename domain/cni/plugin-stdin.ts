/** What one plugin of a chain gets on its standard input (CNI SPEC 1.1, "Deriving execution configuration"). */
import { isJsonObject, member } from '../text/strict-json.ts';
import type { CniCapabilityArgs, JsonObject } from './attachment.ts';
import type { NetworkConfig, NetworkPlugin } from './network-config.ts';

export interface StdinInput {
  readonly config: NetworkConfig;
  /** One of `config.plugins`. */
  readonly plugin: NetworkPlugin;
  readonly capabilityArgs: CniCapabilityArgs;
  /** Merged into `args.cni`; its members win over the configuration's. */
  readonly configArgs?: JsonObject | undefined;
  /** Result of the plugin before (ADD), or of the whole ADD (CHECK, DEL). */
  readonly prevResult?: JsonObject | undefined;
}

/**
 * The plugin's object with the chain's name and version, `runtimeConfig` with the arguments whose capability it declares,
 * `args.cni`, and `prevResult`; `capabilities` is left out, everything else passes through unaltered.
 */
export function pluginStdin(input: StdinInput): JsonObject {
  const { config, plugin, configArgs, prevResult } = input;
  const own = Object.fromEntries(Object.entries(plugin.raw).filter(([key]) => key !== 'capabilities'));
  const runtimeConfig = runtimeConfigOf(plugin, input.capabilityArgs);
  return {
    ...own,
    name: config.name,
    cniVersion: config.cniVersion,
    ...(configArgs === undefined ? {} : { args: mergedArgs(plugin.raw, configArgs) }),
    ...(runtimeConfig === undefined ? {} : { runtimeConfig }),
    ...(prevResult === undefined ? {} : { prevResult }),
  };
}

function runtimeConfigOf(plugin: NetworkPlugin, asked: CniCapabilityArgs): JsonObject | undefined {
  const given = Object.entries(asked).filter(([name]) => plugin.capabilities.includes(name));
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

function mergedArgs(raw: JsonObject, configArgs: JsonObject): JsonObject {
  const args = member(raw, 'args');
  const own = isJsonObject(args) ? args : {};
  const cni = member(own, 'cni');
  return { ...own, cni: { ...(isJsonObject(cni) ? cni : {}), ...configArgs } };
}
