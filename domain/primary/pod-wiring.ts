/**
 * How a pod is connected to its node: a veth pair whose two ends know each other by heart. The pod has its address alone (/32, /128) and one way
 * out, the gateway, which is an address of the host end; nobody on the pair ever has to ask for a MAC.
 */
import type { IpNumbers } from '../ports/ip-numbers.ts';
import { OVERHEAD } from '../vxlan/link-mtu.ts';
import type { LeaseHolder } from './lease.ts';
import type { IpValue } from './subnet.ts';

export interface WiredAddress {
  readonly family: 4 | 6;
  /** Both without a prefix length. */
  readonly address: string;
  readonly gateway: string;
}

export interface PodWiring {
  /** `CNI_IFNAME`. */
  readonly podName: string;
  readonly hostName: string;
  /** Of both ends: whose they are. */
  readonly alias: string;
  readonly podMac: string;
  readonly hostMac: string;
  readonly mtu: number;
  /** One of each family. */
  readonly addresses: readonly WiredAddress[];
}

/** The same on every node and for every pod: a pod's entry for its gateway is right whatever is made anew behind it. */
const HOST_MAC = 'ee:ee:ee:ee:ee:ee';
/** Of what podwire makes; not that of links in networks besides the primary one (ADR 30). */
export const ALIAS = 'podwire-primary';
/** What the names of pods' links on their node begin with. */
export const HOST_NAME = 'pwp';

/**
 * @param addresses of the pod, one of each family, with the gateway of its subnet
 * @param mtu of the network between the nodes as pods see it
 */
export function podWiring(
  holder: LeaseHolder,
  addresses: readonly { readonly address: IpValue; readonly gateway: IpValue }[],
  mtu: number,
  ip: Pick<IpNumbers, 'text'>,
): PodWiring {
  const digits = ownDigits(addresses.map(({ address }) => address));
  return {
    podName: holder.ifName,
    hostName: `${HOST_NAME}${digits}`,
    alias: `${ALIAS}:${holder.sandboxId}:${holder.ifName}`,
    // 0a:58 and the address, as CNI's own plugins have it where a MAC is to follow from an address.
    podMac: `0a:58:${(digits.slice(-8).match(/../g) ?? []).join(':')}`,
    hostMac: HOST_MAC,
    mtu,
    addresses: addresses.map(({ address, gateway }) => ({
      family: address.family,
      address: ip.text(address),
      gateway: ip.text(gateway),
    })),
  };
}

/**
 * What no other pod of the node has: its IPv4 address, or the last 48 bits of its IPv6 address. A host end that is left over from the pod before
 * is in the way of its successor, and is found by that.
 */
function ownDigits(addresses: readonly IpValue[]): string {
  const own = addresses.find(({ family }) => family === 4) ?? addresses[0];
  const value = own?.value ?? 0n;
  return own?.family === 6
    ? BigInt.asUintN(48, value).toString(16).padStart(12, '0')
    : value.toString(16).padStart(8, '0');
}

/** What a tunnel between the nodes leaves of their link's MTU. @param family of the nodes' addresses */
export const podMtu = (parentMtu: number, family: 4 | 6): number => parentMtu - OVERHEAD[family];

export interface WiringSettings {
  /** Paths below /proc/sys and their values, in the pod's namespace. */
  readonly pod: ReadonlyMap<string, string>;
  /** The same in the node's. */
  readonly host: ReadonlyMap<string, string>;
}

/**
 * Settings of both ends before they go up.
 * - No router advertisement is heard on either: their senders would be the other side's applications.
 * - The host end takes IPv4 packets from the pod's own address only (strict `rp_filter`: the way back is the host route), and answers for
 *   nobody (`proxy_arp` 0: nobody asks).
 * - IPv6 works in the pod where it has an address of it, also where a runtime has switched it off.
 */
export function wiringSettings({ podName, hostName, addresses }: PodWiring): WiringSettings {
  const hasSix = addresses.some(({ family }) => family === 6);
  return {
    pod: new Map([
      [`net/ipv6/conf/${podName}/accept_ra`, '0'],
      ...(hasSix ? ([[`net/ipv6/conf/${podName}/disable_ipv6`, '0']] as const) : []),
    ]),
    host: new Map([
      [`net/ipv6/conf/${hostName}/accept_ra`, '0'],
      [`net/ipv4/conf/${hostName}/rp_filter`, '1'],
      [`net/ipv4/conf/${hostName}/proxy_arp`, '0'],
      [`net/ipv4/conf/${hostName}/forwarding`, '1'],
      ...(hasSix ? ([[`net/ipv6/conf/${hostName}/forwarding`, '1']] as const) : []),
    ]),
  };
}
