/** The mesh between nodes, put together: etcd, the node's disk and kernel, and who tells the others. */
import { NodeMesh } from '../../activities/primary/node-mesh.ts';
import type { PodSubnets } from '../../activities/primary/pod-subnets.ts';
import { createNodeMembers } from '../../adapters/etcd/node-members.ts';
import { ipCodec } from '../../adapters/ip/ip-codec.ts';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import { getNodeAddresses } from '../../adapters/kubernetes/nodes.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import { createNodeMeshKernel } from '../../adapters/netlink/node-mesh-kernel.ts';
import { createNodeMeshFile } from '../../adapters/primary/node-mesh-file.ts';
import type { NodeConfig } from '../../config/node.ts';
import { PodwireError } from '../../domain/failures.ts';
import { nodeMembersPrefix } from '../../domain/keys.ts';
import type { Signals } from '../../domain/ports/cluster.ts';
import { memberMac, NODE_MESH } from '../../domain/primary/node-member.ts';
import { HOST_NAME } from '../../domain/primary/pod-wiring.ts';
import type { Subnet } from '../../domain/primary/subnet.ts';
import { familyOf } from '../../domain/vxlan/link-mtu.ts';
import { Pace } from '../pace.ts';
import type { NodeConnections } from './node-connections.ts';
import { everyInterval } from './node-loops.ts';
import type { ContivSays } from './primary-subnets.ts';

/** While etcd is not heard, and behind each change of a member: by then the mesh's run has told this node, if Temporal is there. */
const PACE = { oftenMs: 5_000, seldomMs: 60_000, alertMs: 5_000, laterMs: 5_000 };

interface PrimaryMeshParts {
  readonly subnets: Pick<PodSubnets, 'ranges'>;
  /** undefined: without contiv.yaml. */
  readonly contiv: ContivSays | undefined;
  readonly signals: Pick<Signals, 'membersChanged'>;
}

/** @throws PodwireError AddressingInvalid: settings that need contiv.yaml, without it */
export function createPrimaryMesh(
  { node, primary: { dir, mesh } }: NodeConfig,
  { etcd, kube, netlink }: NodeConnections,
  { subnets, contiv, signals }: PrimaryMeshParts,
  log: Logger,
): NodeMesh {
  const { device, vni, dstPort, parent, directRouting, masquerade, keepSource } = mesh;
  return new NodeMesh({
    ...{ node, ip: ipNumbers, macOf: macsOf(mesh.macs, contiv) },
    settings: {
      ...{ device, vni, dstPort, parent },
      directRouting: directRouting ?? (contiv?.withoutTunnel === true ? 'always' : 'never'),
    },
    filter: {
      ...{ dstPort, podLinks: HOST_NAME, masquerade: masquerade ?? contiv?.masquerade ?? true },
      keepSource: keepSource.flatMap((text) => ipNumbers.subnet(text) ?? []),
    },
    subnets: () => subnets.ranges?.map(({ subnet }) => subnet),
    addresses: { fixed: mesh.nodeAddresses, ask: () => addressesOf(kube, node) },
    members: createNodeMembers(etcd),
    disk: createNodeMeshFile(dir),
    kernel: createNodeMeshKernel(netlink),
    tell: () => signals.membersChanged(NODE_MESH, `node ${node} joined or changed`),
    observer: {
      unreached: (nodes) => log.warn({ nodes }, 'pods of these nodes are not reached from here'),
      refused: (settings) => log.warn({ settings }, 'settings of the tunnel device cannot be made'),
      changed: (what) => log.info(what, 'the way to the pods of other nodes has changed'),
      unfiltered: (err) =>
        log.warn({ err }, "rules of the node cannot be written: pods' packets leave with their own addresses"),
    },
  });
}

/** Until the signal is aborted: also what nobody told of, and what somebody else changed in the kernel. */
export async function keepMesh(
  mesh: NodeMesh,
  { etcd }: Pick<NodeConnections, 'etcd'>,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const pace = new Pace(PACE);
  await Promise.all([
    etcd.follow([{ prefix: nodeMembersPrefix() }], pace, signal),
    everyInterval('mesh between nodes', pace, log, signal, () => mesh.look(signal)),
  ]);
}

function macsOf(
  kind: NodeConfig['primary']['mesh']['macs'],
  contiv: ContivSays | undefined,
): (subnet: Subnet) => string {
  if (kind === 'subnet') return memberMac;
  if (contiv === undefined)
    throw new PodwireError('AddressingInvalid', '--primary-macs is contiv, which needs --primary-contiv-config');
  return contiv.macOf;
}

/** The first of each family, as the kubelet has them. */
async function addressesOf(kube: NodeConnections['kube'], node: string): Promise<readonly string[]> {
  if (kube === undefined) throw new PodwireError('ApiUnavailable', 'the API is asked with --cni-socket only');
  const found = (await getNodeAddresses(kube, node)).flatMap((text) => ipCodec.address(text)?.canonical ?? []);
  return ([4, 6] as const).flatMap((family) => found.find((address) => familyOf(address) === family) ?? []);
}
