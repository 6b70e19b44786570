/**
 * Which of the pod's sysctls a network configuration has the plugin tuning write. tuning puts back what it changed of the link, and leaves
 * the sysctls as it set them.
 */
import { shown } from '../text/shown.ts';
import type { CniCall } from '../ports/cni-plugins.ts';
import { foldedKey, isJsonObject } from '../text/strict-json.ts';
import type { JsonObject, JsonValue } from './attachment.ts';
import { parseNetworkConfig, type ConfigProblem } from './network-config.ts';
import { pluginStdin } from './plugin-stdin.ts';

export interface NamedSysctl {
  /** Path below /proc/sys: a dot belongs to the name of an interface. */
  readonly path: string;
  /** As the configuration has it. */
  readonly value: string;
}

export interface NamedSysctls {
  /** Each path once for each value; without those of the attachment's own interface, which go with it. */
  readonly sysctls: readonly NamedSysctl[];
  readonly problems: readonly ConfigProblem[];
}

type NamingCall = Pick<CniCall, 'configText' | 'networkName' | 'interfaceName' | 'capabilityArgs' | 'configArgs'>;

/** What follows `net` in a path: no `.` and `..`, which would lead elsewhere. */
const PART = /^(?!\.{1,2}$)[A-Za-z0-9_.:@-]{1,64}$/;
const RULE =
  'net and at least one more part, each of letters, digits, "_", ":", "@" or "-", with "." or "/" between them';

export function namedSysctls(call: NamingCall): NamedSysctls {
  const parsed = parseNetworkConfig(call.configText, call.networkName);
  if (!parsed.ok) return { sysctls: [], problems: [] };
  const { config } = parsed;
  const sysctls: NamedSysctl[] = [];
  const problems: ConfigProblem[] = [];
  for (const plugin of config.plugins.filter(({ type }) => type === 'tuning')) {
    const given = pluginStdin({ config, plugin, capabilityArgs: {}, configArgs: call.configArgs });
    for (const [name, value] of [...entriesIn(given), ...entriesIn(cniArgsOf(given))]) {
      const path = pathOf(name, call.interfaceName);
      if (path === undefined) problems.push(misnamed(name));
      else if (!isOwn(path, call.interfaceName)) sysctls.push({ path: path.join('/'), value });
    }
  }
  return { sysctls, problems };
}

const inside = (object: JsonObject, name: string): JsonObject => {
  const found = Object.entries(object).find(([key]) => foldedKey(key) === name)?.[1];
  return isJsonObject(found) ? found : {};
};

const cniArgsOf = (stdin: JsonObject): JsonObject => inside(inside(stdin, 'args'), 'cni');

/** tuning refuses a value that is no text. */
const entriesIn = (object: JsonObject): [string, string][] =>
  Object.entries(inside(object, 'sysctl')).filter((entry: [string, JsonValue]): entry is [string, string] => {
    return typeof entry[1] === 'string';
  });

/** As tuning reads a name: every dot separates, and the first IFNAME is the interface. */
function pathOf(name: string, interfaceName: string): readonly string[] | undefined {
  const parts = name.replaceAll('.', '/').replace('IFNAME', interfaceName).split('/');
  return parts.length > 1 && parts[0] === 'net' && parts.every((part) => PART.test(part)) ? parts : undefined;
}

function isOwn([, family, group, name]: readonly string[], interfaceName: string): boolean {
  return ['ipv4', 'ipv6'].includes(family ?? '') && ['conf', 'neigh'].includes(group ?? '') && name === interfaceName;
}

const misnamed = (name: string): ConfigProblem => ({
  code: 'CniConfigInvalid',
  key: 'sysctl',
  why: `"sysctl" of the plugin tuning has the name ${shown(name)}; allowed: ${RULE}`,
});
