/** The mesh between nodes, put together: etcd, the node's disk and kernel, and who tells the others. */
import { NodeMesh } from '../../activities/primary/node-mesh.ts';
import type { PodSubnets } from '../../activities/primary/pod-subnets.ts';
import type { WatchedEtcd } from '../../adapters/etcd/client.ts';
import { createNodeMembers } from '../../adapters/etcd/node-members.ts';
import { createNodeStore } from '../../adapters/etcd/node-store.ts';
import { ipCodec } from '../../adapters/ip/ip-codec.ts';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import type { KubeClient } from '../../adapters/kubernetes/client.ts';
import { getNodeAddresses, listNodes } from '../../adapters/kubernetes/nodes.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import { createNodeMeshKernel } from '../../adapters/netlink/node-mesh-kernel.ts';
import { createNodeMeshFile } from '../../adapters/primary/node-mesh-file.ts';
import type { NodeConfig } from '../../config/node.ts';
import { PodwireError } from '../../domain/failures.ts';
import { nodeMembersPrefix } from '../../domain/keys.ts';
import type { Signals } from '../../domain/ports/cluster.ts';
import { memberMac, NODE_MESH, type NodeMember } from '../../domain/primary/node-member.ts';
import { HOST_NAME } from '../../domain/primary/pod-wiring.ts';
import { subnetText, type Subnet } from '../../domain/primary/subnet.ts';
import { familyOf } from '../../domain/vxlan/link-mtu.ts';
import { Pace } from '../pace.ts';
import type { NodeConnections } from './node-connections.ts';
import { everyInterval } from '../loops.ts';
import type { ContivSays } from './primary-subnets.ts';

/** While etcd is not heard, and behind each change of a member: by then the mesh's run has told this node, if Temporal is there. */
const PACE = { oftenMs: 5_000, seldomMs: 60_000, alertMs: 5_000, laterMs: 5_000 };

interface PrimaryMeshParts {
  readonly subnets: Pick<PodSubnets, 'ranges'>;
  /** undefined: without contiv.yaml. */
  readonly contiv: ContivSays | undefined;
  readonly signals: Pick<Signals, 'membersChanged'>;
  /** Of pods' interfaces as somebody has set it, in bytes; undefined: as the tunnels. */
  readonly fixedMtu: number | undefined;
}

/** @throws PodwireError AddressingInvalid: settings that need contiv.yaml, without it, or that do not go with it */
export function createPrimaryMesh(
  { node, primary: { dir, mesh } }: NodeConfig,
  { etcd, kube, netlink }: NodeConnections,
  { subnets, contiv, signals, fixedMtu }: PrimaryMeshParts,
  log: Logger,
): NodeMesh {
  const { device, vni, dstPort, parent, directRouting, masquerade, keepSource } = mesh;
  if (mesh.nodeObjects && contiv !== undefined)
    throw new PodwireError('AddressingInvalid', '--primary-node-objects does not go with --primary-contiv-config');
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
    known: mesh.nodeObjects ? () => nodesOfApi(kube) : undefined,
    disk: createNodeMeshFile(dir),
    kernel: createNodeMeshKernel(netlink),
    tell: () => signals.membersChanged(NODE_MESH, `node ${node} joined or changed`),
    observer: {
      unreached: (nodes) => log.warn({ nodes }, 'pods of these nodes are not reached from here'),
      refused: (settings) => log.warn({ settings }, 'settings of the tunnel device cannot be made'),
      changed: (what) => {
        log.info(what, 'the way to the pods of other nodes has changed');
        if (fixedMtu !== undefined && what.mtu < fixedMtu)
          log.warn(
            { podMtu: fixedMtu, ...what },
            "pods' interfaces carry more than the tunnels: --primary-mtu is to be that of the tunnels at most",
          );
      },
      unfiltered: (err) =>
        log.warn({ err }, "rules of the node cannot be written: pods' packets leave with their own addresses"),
    },
  });
}

/** Until the signal is aborted: also what nobody told of, and what somebody else changed in the kernel. */
export async function keepMesh(
  mesh: NodeMesh,
  { node, etcd }: { readonly node: string; readonly etcd: WatchedEtcd },
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const pace = new Pace(PACE);
  const store = createNodeStore(etcd);
  await Promise.all([
    etcd.follow([{ prefix: nodeMembersPrefix() }], pace, signal),
    everyInterval('mesh between nodes', pace, log, signal, async () => {
      // Before the members are read: what this node is behind of is among them then.
      const told = await store.readMesh(NODE_MESH).catch(() => undefined);
      await mesh.look(signal);
      if (told?.value.behind.includes(node) === true) await store.caughtUp(NODE_MESH, node, told.value.recordedAt);
    }),
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

async function addressesOf(kube: NodeConnections['kube'], node: string): Promise<readonly string[]> {
  return oneOfEach(await getNodeAddresses(api(kube), node));
}

function api(kube: NodeConnections['kube']): KubeClient {
  if (kube === undefined) throw new PodwireError('ApiUnavailable', 'the API is asked with --cni-socket only');
  return kube;
}

/** The first of each family, as the kubelet has them. */
function oneOfEach(addresses: readonly string[]): readonly string[] {
  const found = addresses.flatMap((text) => ipCodec.address(text)?.canonical ?? []);
  return ([4, 6] as const).flatMap((family) => found.find((address) => familyOf(address) === family) ?? []);
}

/** What the nodes themselves will say in etcd, as long as they have their addresses from their Node objects. */
async function nodesOfApi(kube: NodeConnections['kube']): Promise<readonly NodeMember[]> {
  return (await listNodes(api(kube))).flatMap(({ name, spec, addresses }) => {
    const subnets = (spec.podCIDRs ?? [spec.podCIDR ?? '']).flatMap((text) => ipNumbers.subnet(text) ?? []);
    const [first] = subnets;
    const own = oneOfEach(addresses);
    if (first === undefined || own.length === 0) return [];
    const texts = subnets.map((subnet) => subnetText(subnet, ipNumbers));
    return [{ node: name, addresses: own, mac: memberMac(first), subnets: texts }];
  });
}
