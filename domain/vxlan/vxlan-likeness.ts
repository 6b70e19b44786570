/** What a VXLAN device must not have to serve as one of podwire's, beside its VNI, port and parent. Pure. */
import type { VxlanView } from './link-observation.ts';

/**
 * In iproute2's words, such as `local 10.0.0.9` or `gbp`; empty: it sends and takes what a device of podwire's would.
 * @param vtep the pod's tunnel address: sending from another one, a device would be no member of the network
 */
export function unlikeOurs({ local, remote, flags = [] }: VxlanView, vtep: string): string[] {
  return [
    ...(local === undefined || local === vtep ? [] : [`local ${local}`]),
    // It would flood to somebody who is no member.
    ...(remote === undefined ? [] : [`${isMulticast(remote) ? 'group' : 'remote'} ${remote}`]),
    ...flags,
  ];
}

const isMulticast = (address: string): boolean => {
  if (address.includes(':')) return /^ff/i.test(address);
  const first = Number(address.split('.', 1)[0]);
  return first >= 224 && first <= 239;
};
