/** A VXLAN link inside a pod's netns (mode pod: the device sits over a link of the pod, peers are pod addresses). */
import type { NetworkPool, NetworkSubnet } from '../network-objects/declaration.ts';

export interface Route {
  /** Canonical CIDR. */
  readonly destination: string;
  /** Canonical address. */
  readonly gateway: string;
}

/** Both ends as written. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Addresses that the link gets from its network's pool when it is made (ADR 59): one of each family of the subnets. */
export interface LinkPool extends NetworkPool {
  /** Of the pool, cluster-wide. */
  readonly name: string;
  readonly subnets: readonly NetworkSubnet[];
  /** Of the link's own addresses those that are the pool's, without prefix lengths: they are taken out of it. */
  readonly wanted: readonly string[];
}

/** What a link has from its network's pool. */
export interface GivenToLink {
  /** CIDRs. */
  readonly addresses: readonly string[];
  readonly routes: readonly Route[];
}

export interface VxlanLinkSpec {
  readonly kind: 'vxlan';
  readonly interfaceName: string;
  /** 1…16777215 (RFC 7348: 24 bits, 0 is not used). */
  readonly vni: number;
  /** UDP port; 8472 is the kernel's default and kube-vxlan-controller's. */
  readonly dstPort: number;
  /** UDP ports to send from; undefined = as the kernel chooses. */
  readonly srcPorts?: PortRange;
  /** Name of the link in the same netns that carries the tunnel. */
  readonly parent: string;
  /** Bytes; undefined = parent's MTU − 50 (IPv4) or − 70 (IPv6). */
  readonly mtu?: number;
  readonly up: boolean;
  /** Canonical CIDRs, in the order written. */
  readonly addresses: readonly string[];
  readonly routes: readonly Route[];
  /** Extra flood destinations that are no pods (`peers=`), canonical addresses. */
  readonly peers: readonly string[];
  /** False: frames go to the member that has their MAC, and addresses are known without asking. Absent: unknown MACs are flooded. */
  readonly flood?: false;
  /** MAC address, lower case with colons. Absent: the one that the link got when it was made. */
  readonly mac?: string;
  /** Absent: no further addresses than those above. */
  readonly pool?: LinkPool;
}

export const DEFAULT_DST_PORT = 8472;
export const DEFAULT_PARENT = 'eth0';
