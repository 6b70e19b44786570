/** Whether plugins did what a pod asked of them: to declare a capability is a promise, the kernel shows the result. */
import { addressOf } from '../text/cidr.ts';
import type { CniCapabilityArgs } from './attachment.ts';

export interface GivenLink {
  /** As the kernel prints it. */
  readonly mac: string;
  /** `address/prefix` as the kernel prints them. */
  readonly addresses: readonly string[];
}

/** Why the pod did not get what it asked for; undefined: it did. Prefix lengths are the network's business. */
export function ignoredArgs(asked: CniCapabilityArgs, given: GivenLink): string | undefined {
  const { mac, ips = [] } = asked;
  if (mac !== undefined && mac.toLowerCase() !== given.mac.toLowerCase())
    return `mac ${mac} was asked for, the interface has ${given.mac}`;
  const addresses = given.addresses.map(addressOf);
  const missing = ips.filter((ip) => !addresses.includes(addressOf(ip)));
  if (missing.length === 0) return undefined;
  return `ips ${missing.join(', ')} were asked for, the interface has ${given.addresses.join(', ') || 'no address'}`;
}
