/**
 * Which entries of the pod's NPWG status are podwire's. The interface alone does not tell: when a pod's sandbox is made anew, another
 * runtime may attach under the same name and write the whole status, while podwire's own still speaks of the old sandbox.
 */
import { addressOf } from '../text/cidr.ts';
import type { JsonObject } from '../cni/attachment.ts';
import type { OwnLink } from '../status/podwire-status.ts';
import { isJsonList, member } from '../text/strict-json.ts';

/** Text of an entry's member; empty when it has none. */
export function textOf(entry: JsonObject, key: string): string {
  const value = member(entry, key);
  return typeof value === 'string' ? value : '';
}

/** Whether some of podwire's links has the entry's interface, and its MAC and addresses where the entry names them. */
export function isOwnEntry(entry: JsonObject, own: readonly OwnLink[]): boolean {
  const interfaceName = textOf(entry, 'interface');
  return interfaceName !== '' && own.some((link) => link.interfaceName === interfaceName && agrees(entry, link));
}

/** The pod's own network in podwire's entry; its name is the node's to know, no object of the cluster says it. */
export const PODS_OWN = { name: 'default', interface: 'eth0' } as const;

/** Whether an entry is podwire's of the pod's own network: other runtimes write the MAC. */
export const isPodsOwn = (entry: JsonObject): boolean =>
  textOf(entry, 'name') === PODS_OWN.name &&
  textOf(entry, 'interface') === PODS_OWN.interface &&
  member(entry, 'default') === true &&
  !Object.hasOwn(entry, 'mac');

function agrees(entry: JsonObject, { mac = '', ips, isAttached }: OwnLink): boolean {
  const entryMac = textOf(entry, 'mac');
  const entryIps = ipsOf(entry);
  // podwire writes no entry for what is not attached.
  if (!isAttached) return entryMac === '' && entryIps === undefined;
  if (entryMac !== '' && mac !== '' && entryMac.toLowerCase() !== mac.toLowerCase()) return false;
  return entryIps === undefined || ips === undefined || addressSet(entryIps) === addressSet(ips);
}

function ipsOf(entry: JsonObject): readonly string[] | undefined {
  const ips = member(entry, 'ips');
  return isJsonList(ips) ? ips.filter((ip) => typeof ip === 'string') : undefined;
}

/** Some write the prefix, some do not. */
const addressSet = (ips: readonly string[]): string => [...new Set(ips.map(addressOf))].sort().join(' ');
