/** An attachment that is made again gets the addresses that it had, where its IPAM can be asked for them. Pure. */
import { addressOf } from '../text/cidr.ts';
import { isJsonObject, member } from '../text/strict-json.ts';
import type { CniCall } from '../ports/cni-plugins.ts';
import { parseNetworkConfig } from './network-config.ts';

/**
 * The call with these addresses in `args.cni.ips` (CONVENTIONS.md of CNI, "ips"), which host-local heeds and refuses when one is taken. `static`
 * would lose its gateway by it, and always gives the same addresses anyway; of the others nobody knows.
 *
 * @param addresses with or without prefix
 * @returns undefined: there is nothing to ask for, nobody to ask, or the pod itself asks for addresses
 */
export function withSameAddresses(call: CniCall, addresses: readonly string[]): CniCall | undefined {
  const { capabilityArgs, configArgs, configText, networkName } = call;
  const asksItself = capabilityArgs.ips !== undefined || Object.hasOwn(configArgs ?? {}, 'ips');
  if (addresses.length === 0 || asksItself || !allFromHostLocal(configText, networkName)) return undefined;
  const ips = addresses.map(addressOf);
  return { ...call, configArgs: { ...configArgs, ips } };
}

function allFromHostLocal(configText: string, networkName: string): boolean {
  const parsed = parseNetworkConfig(configText, networkName);
  if (!parsed.ok) return false;
  const types = parsed.config.plugins.flatMap(({ raw }) => {
    const ipam = member(raw, 'ipam');
    return isJsonObject(ipam) && Object.keys(ipam).length > 0 ? [member(ipam, 'type')] : [];
  });
  return types.length === 1 && types[0] === 'host-local';
}
