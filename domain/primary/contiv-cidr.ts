/** One range for everything, divided as contiv divides its `contivCIDR` (contiv/vpp, `dissectContivCIDR`), in both families. */
import { hostBits, subnetAt, WIDTH, type Subnet } from './subnet.ts';

/** Bits for hosts that the range must have: 65,536 addresses of pods, as many of hosts, and behind them two times 512 of nodes. */
export const CONTIV_CIDR_BITS = 18;

export interface ContivSubnets {
  readonly pods: Subnet;
  readonly hosts: Subnet;
  readonly nodeInterconnect: Subnet;
  readonly vxlan: Subnet;
  readonly podInterfaces: Subnet;
  /** Prefix length of one node's part of `pods` and `hosts`: 128 addresses. */
  readonly nodePrefix: number;
}

/** undefined: the range is too small. */
export function divideContivCidr(whole: Subnet): ContivSubnets | undefined {
  if (hostBits(whole) < CONTIV_CIDR_BITS) return undefined;
  const width = WIDTH[whole.family];
  const withBits = (bits: number, index: bigint): Subnet => subnetAt(whole, width - bits, index);
  return {
    pods: withBits(16, 0n),
    hosts: withBits(16, 1n),
    nodeInterconnect: withBits(9, 256n),
    vxlan: withBits(9, 257n),
    podInterfaces: withBits(7, 1032n),
    nodePrefix: width - 7,
  };
}
