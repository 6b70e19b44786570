/**
 * Where the reference plugins (github.com/containernetworking/plugins, v1.9.1 and before) fail although the attachment is as it should be.
 * Recognised by their exact words, so that a release that mends them, or fails for another reason, is taken at its word.
 */
import type { NetworkPlugin } from '../../domain/cni/network-config.ts';
import { isJsonObject, member } from '../../domain/strict-json.ts';
import type { CniPluginError } from './plugin-error.ts';

/** Whether a failed CHECK says nothing about the attachment. */
export function checkedNothing(plugin: NetworkPlugin, error: CniPluginError): boolean {
  return delegatedToNobody(plugin, error) || sawTheBridgeChange(error);
}

/** bridge and ptp begin CHECK with their IPAM plugin also where there is none; these are the library's words for that. */
function delegatedToNobody({ raw }: NetworkPlugin, { said }: CniPluginError): boolean {
  const ipam = member(raw, 'ipam') ?? {};
  const hasIpam = isJsonObject(ipam) && (member(ipam, 'type') ?? '') !== '';
  return !hasIpam && said === 'no plugin name provided';
}

/** The kernel gives a bridge its lowest port's address, so other pods' coming and going changes what bridge compares first. */
const sawTheBridgeChange = ({ said }: CniPluginError): boolean =>
  /^Bridge interface [^ ]+ Mac doesn't match: [0-9a-f:]+$/.test(said);

/** Whether a failed DEL found nothing to do: host-device does not take a link that is gone for done, and by then it has freed its IPAM. */
export const foundNothingLeft = (interfaceName: string, { said }: CniPluginError): boolean =>
  said === `failed to find "${interfaceName}" in containerNS: Link not found`;
