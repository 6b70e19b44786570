/** How large a VXLAN link's packets may be. Pure. */
import type { LinkView } from './link-observation.ts';
import type { VxlanLinkSpec } from './vxlan.ts';

/** Bytes that a tunnel adds: outer Ethernet payload of IPv4 (50) or IPv6 (70), UDP, VXLAN, inner Ethernet. */
export const OVERHEAD = { 4: 50, 6: 70 } as const;
/** Linux removes IPv6 from a link whose MTU is below what RFC 8200 §5 asks of every link. */
export const MIN_MTU_IPV6 = 1280;

export const familyOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

/** What was asked for, else what the parent leaves. @param vtep the pod's tunnel address */
export const mtuOver = (parent: Pick<LinkView, 'mtu'>, { mtu }: VxlanLinkSpec, vtep: string): number =>
  mtu ?? parent.mtu - OVERHEAD[familyOf(vtep)];

/** Whether a link with this MTU can have the addresses that it is to have. */
export const fitsAddresses = (mtu: number, { addresses }: VxlanLinkSpec): boolean =>
  mtu >= MIN_MTU_IPV6 || addresses.every((address) => familyOf(address) === 4);
