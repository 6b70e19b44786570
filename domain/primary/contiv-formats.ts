/** What contiv's own agents and their readers see of a node's addresses, byte for byte. */
import type { IpNumbers } from '../ports/ip-numbers.ts';
import { nodeSubnet } from './addressing.ts';
import type { AddressPlan, ContivIpam } from './contiv-config.ts';
import type { Lease } from './lease.ts';
import type { PrimarySandbox } from './sandbox.ts';
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

/** Contiv's index of containers, which outlives its agent. @param agents as for `allocatedIpKey` */
export const persistedPodKey = (agents: string, node: string, sandboxId: string): string =>
  `${agents}${node}/pods/${sandboxId}`;

/**
 * Its value: `Persisted` as Go's encoding/json writes it, which leaves out what has no value. Of the fields that are about VPP's end of a pod's
 * link one has a use here: by `VppIfName` readers find the pod of an interface, which here is the node's end of the pair.
 */
export const persistedPodValue = ({ sandboxId, pod, interfaces }: PrimarySandbox): string =>
  JSON.stringify({
    ID: sandboxId,
    ...(pod.name === '' ? {} : { podName: pod.name }),
    ...(pod.namespace === '' ? {} : { podNamespace: pod.namespace }),
    ...(interfaces[0] === undefined ? {} : { VppIfName: interfaces[0].hostInterface }),
  });

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
