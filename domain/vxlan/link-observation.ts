/** What a network namespace holds, as far as podwire reads it from the kernel. */
import type { PortRange } from './vxlan.ts';

interface AddressView {
  /** `address/prefix` as the kernel prints it, which is the canonical form. */
  readonly cidr: string;
  readonly family: 4 | 6;
  /** Link-local addresses come and go by themselves. */
  readonly linkLocal: boolean;
}

export interface VxlanView {
  readonly vni: number;
  readonly dstPort: number;
  /** Absent: as the kernel chooses. */
  readonly srcPorts?: PortRange;
  /** Name of the parent link; undefined when there is none in this netns. */
  readonly parent: string | undefined;
  /** The tunnel's family: the kernel keeps one forwarding table of one family per device. */
  readonly family: 4 | 6;
  readonly learning: boolean;
  /** Address that it sends from; absent: the kernel chooses. */
  readonly local?: string;
  /** Where it floods to without a forwarding entry: a multicast group, or one host. */
  readonly remote?: string;
  /** Switches that make it another kind of device on the wire or ask somebody outside the kernel; iproute2's words. */
  readonly flags?: readonly string[];
}

export interface LinkView {
  readonly ifindex: number;
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  readonly alias: string | undefined;
  /** `vxlan`, `veth`, …; undefined for a physical link. */
  readonly kind: string | undefined;
  /** Of a veth whose other end is in another network namespace: that end's index there. */
  readonly peerIfindex?: number;
  readonly vxlan: VxlanView | undefined;
  readonly addresses: readonly AddressView[];
}

/** The end of a veth on the host, whose other end is in another network namespace. */
export interface HostEnd {
  readonly ifindex: number;
  readonly name: string;
  /** Of the other end, in its namespace. */
  readonly peerIfindex: number;
  /** Whose port it is. */
  readonly bridge?: string;
}

/** A route with a gateway. */
export interface RouteView {
  readonly destination: string;
  readonly gateway: string;
  readonly link: string;
  /** It does not carry podwire's protocol number: somebody else made it, and it stays. */
  readonly foreign?: true;
}

export interface NetnsView {
  readonly links: readonly LinkView[];
  readonly routes: readonly RouteView[];
}
