/** What contiv's own agents and their readers see of a node's addresses, byte for byte. */
import type { IpNumbers } from '../ports/ip-numbers.ts';
import { nodeSubnet } from './addressing.ts';
import type { AddressPlan, ContivIpam } from './contiv-config.ts';
import type { Lease } from './lease.ts';
import { subnetText, type Subnet } from './subnet.ts';

/** The mirror of a lease in etcd, which contiv keeps under the container's ID. @param agents prefix of the agents' trees: `/vnf-agent/` */
export const allocatedIpKey = (agents: string, node: string, sandboxId: string): string =>
  `${agents}${node}/ipam/${sandboxId}`;

/**
 * Its value: `AllocatedIP` as Go's encoding/json writes it, with the address as a number.
 * @returns undefined for a pod without an IPv4 address: the message has no room for another one
 */
export function allocatedIpValue({ addresses, sandboxId }: Pick<Lease, 'addresses' | 'sandboxId'>): string | undefined {
  const four = addresses.find(({ family }) => family === 4);
  return four === undefined ? undefined : JSON.stringify({ ID: Number(four.value), pod: sandboxId });
}

export interface ShownNode {
  readonly id: number;
  readonly name: string;
  /** Without a prefix length; undefined: nobody knows it yet. */
  readonly address: string | undefined;
}

/**
 * The answer to `GET /contiv/v1/ipam`.
 * @param ipam complete
 */
export function ipamAnswer(
  node: ShownNode,
  ipam: ContivIpam,
  { pods, hosts }: AddressPlan,
  ip: IpNumbers,
): { readonly status: 200 | 500; readonly body: string } {
  if (node.address === undefined) return { status: 500, body: JSON.stringify('Error getting node IP') };
  const text = (subnet: Subnet): string => subnetText(subnet, ip);
  const body = {
    nodeId: node.id,
    nodeName: node.name,
    nodeIP: node.address,
    podNetwork: text(nodeSubnet(pods, node.id)),
    vppHostNetwork: hosts === undefined ? '' : text(nodeSubnet(hosts, node.id)),
    config: {
      podIfIPCIDR: ipam.podIfIPCIDR,
      podSubnetCIDR: ipam.podSubnetCIDR,
      podNetworkPrefixLen: ipam.podNetworkPrefixLen,
      vppHostSubnetCIDR: ipam.vppHostSubnetCIDR,
      vppHostNetworkPrefixLen: ipam.vppHostNetworkPrefixLen,
      nodeInterconnectCIDR: ipam.nodeInterconnectCIDR,
      nodeInterconnectDHCP: ipam.nodeInterconnectDHCP,
      vxlanCIDR: ipam.vxlanCIDR,
      serviceCIDR: ipam.serviceCIDR,
      contivCIDR: ipam.contivCIDR,
    },
  };
  return { status: 200, body: JSON.stringify(body) };
}
