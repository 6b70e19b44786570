/**
 * Where the reference plugins (github.com/containernetworking/plugins, v1.9.1 and before) fail although the attachment is as it should be.
 * Recognised by their exact words, so that a release that mends them, or fails for another reason, is taken at its word.
 */
import type { NetworkPlugin } from '../../domain/cni/network-config.ts';
import type { CniCall } from '../../domain/ports/cni-plugins.ts';
import { isJsonObject, member } from '../../domain/text/strict-json.ts';
import type { CniPluginError } from './plugin-error.ts';

/**
 * Whether a failed CHECK says nothing about the attachment.
 * @param chain all plugins of the network, in their order
 */
export function checkedNothing(
  plugin: NetworkPlugin,
  chain: readonly NetworkPlugin[],
  interfaceName: string,
  error: CniPluginError,
): boolean {
  return (
    delegatedToNobody(plugin, error) ||
    sawTheBridgeChange(error) ||
    sawRoutesThatMoved(plugin, chain, interfaceName, error)
  );
}

/** bridge and ptp begin CHECK with their IPAM plugin also where there is none; these are the library's words for that. */
const delegatedToNobody = (plugin: NetworkPlugin, { said }: CniPluginError): boolean =>
  ipamTypeOf(plugin) === undefined && said === 'no plugin name provided';

function ipamTypeOf({ raw }: NetworkPlugin): string | undefined {
  const ipam = member(raw, 'ipam') ?? {};
  const type = isJsonObject(ipam) ? member(ipam, 'type') : undefined;
  return typeof type === 'string' && type !== '' ? type : undefined;
}

/** The IPAM plugin that a DEL which ended well has not called: host-device does nothing at all without a netns, and keeps the address. */
export const notDelegated = (plugin: NetworkPlugin, { netnsPath }: CniCall): NetworkPlugin | undefined => {
  const type = plugin.type === 'host-device' && netnsPath === '' ? ipamTypeOf(plugin) : undefined;
  return type === undefined ? undefined : { ...plugin, type };
};

/** The kernel gives a bridge its lowest port's address, so other pods' coming and going changes what bridge compares first. */
const sawTheBridgeChange = ({ said }: CniPluginError): boolean =>
  /^Bridge interface [^ ]+ Mac doesn't match: [0-9a-f:]+$/.test(said);

/**
 * sbr moves the routes of the interface to a table of their own, and what made the interface (bridge, macvlan, ptp, host-device) looks for
 * them in the main one. By then it has compared the link and its addresses; routes and what comes after them are not compared.
 */
function sawRoutesThatMoved(
  plugin: NetworkPlugin,
  chain: readonly NetworkPlugin[],
  interfaceName: string,
  { said }: CniPluginError,
): boolean {
  const moved = chain.slice(chain.indexOf(plugin) + 1).some(({ type }) => type === 'sbr');
  const [before, after] = ['Failed to find Gateway ', ` for interface ${interfaceName}`];
  return moved && said.startsWith(before) && said.endsWith(after);
}

/** Whether a failed DEL found nothing to do. */
export const foundNothingLeft = (plugin: NetworkPlugin, call: CniCall, error: CniPluginError): boolean =>
  lacksTheLink(call, error) || lacksTheNetns(plugin, call, error);

/** host-device does not take a link that is gone for done, and by then it has freed its IPAM. */
const lacksTheLink = ({ interfaceName }: CniCall, { said }: CniPluginError): boolean =>
  said === `failed to find "${interfaceName}" in containerNS: Link not found`;

/** sbr locks the file of the netns before it asks whether there is one; all it made went with that. */
const lacksTheNetns = ({ type }: NetworkPlugin, { netnsPath }: CniCall, { said }: CniPluginError): boolean =>
  type === 'sbr' && netnsPath === '' && said === 'no such file or directory';
