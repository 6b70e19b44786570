/**
 * What a network definition may make a plugin do. Whoever may write a definition names programs that run as root on the node and
 * what they do there; the administrator says which programs and which of the keys that reach beyond the pod are allowed.
 */
import { shown } from '../text/shown.ts';
import type { CniPolicy } from '../settings.ts';
import { foldedKey, isJsonList, isJsonObject } from '../text/strict-json.ts';
import type { CniCapabilityArgs, JsonObject, JsonValue } from './attachment.ts';
import type { ConfigProblem, NetworkConfig } from './network-config.ts';

/**
 * Keys through which known plugins read or write the host: its files, sockets and firewall chains, its devices, other plugins. Found
 * anywhere in a configuration, in any case. A parent device (`master`) and a bridge are not among them: without these the plugins
 * that are allowed by their type could do nothing.
 */
export const HOST_KEYS: readonly string[] = [
  // Files and directories of the host.
  'dataDir',
  'resolvConf',
  'kubeconfig',
  'configuration_path',
  'configurationPath',
  'confDir',
  'cniDir',
  'binDir',
  'logFile',
  'log_file',
  'logPath',
  'subnetFile',
  'cniCacheDir',
  'multusConfigFile',
  'readinessIndicatorFile',
  // Sockets and other services' endpoints.
  'daemonSocketPath',
  'socketPath',
  'socket_file',
  'socketDir',
  'etcd_host',
  // Kernel settings.
  'sysctl',
  // Devices of the host, which vanish from it (host-device, sriov, bond).
  'device',
  'hwaddr',
  'kernelpath',
  'pciBusID',
  'deviceID',
  'auxDevice',
  'runtimeDevice',
  'links',
  // Rules of the host's firewall, as text or by chain.
  'conditionsV4',
  'conditionsV6',
  'externalSetMarkChain',
  'iptablesAdminChainName',
  'markMasqBit',
  // Other plugins inside this one.
  'delegate',
  'delegates',
];

const MAX_FINDINGS = 16;

/** Plugin types and keys of a configuration that are not allowed. */
export function policyProblems(config: NetworkConfig, policy: CniPolicy): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const [index, plugin] of config.plugins.entries()) {
    const at = config.isList ? `plugins[${index}].` : '';
    problems.push(...typesIn(plugin.raw, at).flatMap((found) => typeProblem(found, policy)));
    problems.push(...hostKeyProblems(plugin.raw, policy, at));
  }
  return problems.slice(0, MAX_FINDINGS);
}

/** Keys of `HOST_KEYS` that are not allowed, at any depth; also for arguments that a pod's owner writes. */
export function hostKeyProblems(value: JsonObject, policy: CniPolicy, at = ''): ConfigProblem[] {
  const allowed = new Set(policy.hostKeys.map(foldedKey));
  const forbidden = new Set(HOST_KEYS.map(foldedKey).filter((key) => !allowed.has(key)));
  const extra =
    policy.hostKeys.length === 0 ? 'none is allowed' : `allowed: ${policy.hostKeys.slice(0, 16).join(', ')}`;
  return keysIn(value, at)
    .filter(({ key }) => forbidden.has(foldedKey(key)))
    .slice(0, MAX_FINDINGS)
    .map(({ key, place }) => ({
      code: 'HostKeyNotAllowed',
      key,
      why: `has the key ${shown(place)}, through which a plugin reaches into the host; of such keys ${extra} by the administrator (--cni-host-keys)`,
    }));
}

/** Names of capability arguments that are asked for and that no plugin of the chain declares (NPWG 1.3, section 4.1.2.1, per key). */
export function capabilityProblems(config: NetworkConfig, asked: CniCapabilityArgs): ConfigProblem[] {
  const declared = new Set(config.plugins.flatMap((plugin) => plugin.capabilities));
  return Object.keys(asked)
    .filter((name) => !declared.has(name))
    .map((name) => ({
      code: 'CapabilityMissing',
      key: name,
      // bridge and macvlan would read a MAC from CNI_ARGS, static an address from args.cni: nothing would say whether they did.
      why: `the pod asks for ${shown(name)}, but no plugin of the network declares this capability, so it would be ignored (NPWG 1.3, section 4.1.2.1: then the attachment must fail); write "capabilities": {"${name}": true} into the configuration of the plugin that handles it`,
    }));
}

interface Found {
  readonly key: string;
  readonly place: string;
}

function keysIn(value: JsonValue, at: string): Found[] {
  if (isJsonList(value)) return value.flatMap((inner, index) => keysIn(inner, `${at}[${index}].`));
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => [{ key, place: at + key }, ...keysIn(inner, `${at}${key}.`)]);
}

interface FoundType {
  readonly type: JsonValue;
  readonly place: string;
}

/** Every value that some plugin takes for the name of a program: its own, that of `ipam`, those of plugins inside it. */
function typesIn(raw: JsonObject, at: string): FoundType[] {
  return Object.entries(raw).flatMap(([key, value]): FoundType[] => {
    if (foldedKey(key) === 'type') return value === '' ? [] : [{ type: value, place: at + key }];
    if (!['ipam', 'delegate', 'delegates', 'plugins'].includes(foldedKey(key))) return [];
    const objects = isJsonList(value) ? value : [value];
    return objects.flatMap((object) => (isJsonObject(object) ? typesIn(object, `${at}${key}.`) : []));
  });
}

function typeProblem({ type, place }: FoundType, policy: CniPolicy): ConfigProblem[] {
  if (typeof type === 'string' && policy.pluginTypes.includes(type)) return [];
  const found = typeof type === 'string' ? shown(type) : 'no text';
  return [
    {
      code: 'PluginNotAllowed',
      key: 'type',
      why: `"${place}" is ${found}; allowed by the administrator (--cni-plugin-types): ${policy.pluginTypes.join(', ')}`,
    },
  ];
}
