/** Who says which addresses the pods of a node have: its Node object, or contiv.yaml with the node's number in etcd. */
import { readFile } from 'node:fs/promises';
import { settleNodeId } from '../../activities/primary/settle-node-id.ts';
import { createNodeIds } from '../../adapters/etcd/node-ids.ts';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import { getPodCidrs } from '../../adapters/kubernetes/nodes.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import { parseContivYaml } from '../../adapters/primary/contiv-yaml.ts';
import { createNodeIdFile } from '../../adapters/primary/node-id-file.ts';
import type { NodeConfig } from '../../config/node.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { LeaseStore } from '../../domain/ports/lease-store.ts';
import { nodeAddress, nodeIdOfSubnetAddress, nodeMac, nodeSubnet } from '../../domain/primary/addressing.ts';
import { isHeld } from '../../domain/primary/lease.ts';
import {
  addressPlan,
  completeIpam,
  highestNodeId,
  podSubnetsOf,
  type AddressPlan,
  type ContivIpam,
} from '../../domain/primary/contiv-config.ts';
import { ipamAnswer } from '../../domain/primary/contiv-formats.ts';
import type { ContivAnswers } from '../../domain/primary/contiv-queries.ts';
import { subnetText, type Subnet } from '../../domain/primary/subnet.ts';
import type { NodeConnections } from './node-connections.ts';

interface SubnetSource {
  readonly source: () => Promise<readonly string[]>;
  /** What else contiv.yaml says. */
  readonly contiv?: ContivSays;
}

export interface ContivSays {
  readonly mtu: number | undefined;
  readonly masquerade: boolean;
  readonly withoutTunnel: boolean;
  /** By the node's ID. @param subnet of its pods */
  readonly macOf: (subnet: Subnet) => string;
  /** What contiv's agent answered. */
  readonly answers: ContivAnswers;
}

/** Where contiv's agents keep theirs. */
export const CONTIV_TREE = { prefix: '/vnf-agent/', label: 'contiv-ksr' };

const textOf = (subnet: Subnet): string => subnetText(subnet, ipNumbers);

/** @throws the disk's error; PodwireError AddressingInvalid: contiv.yaml */
export async function subnetSource(
  { node, primary: { contivYaml, dir } }: Pick<NodeConfig, 'node' | 'primary'>,
  { kube, etcd }: Pick<NodeConnections, 'kube' | 'etcd'>,
  leases: Pick<LeaseStore, 'leases'>,
  log: Logger,
): Promise<SubnetSource> {
  if (contivYaml === undefined) return { source: () => ofNodeObject(kube, node) };
  const { config, notes } = parseContivYaml(await readFile(contivYaml, 'utf8'));
  for (const note of notes) log.info({ file: contivYaml }, note);
  const ipam = completeIpam(config.ipam, ipNumbers);
  const plan = addressPlan(ipam, config.gateways, ipNumbers);
  const disk = createNodeIdFile(dir);
  const numbered = {
    ...{ node, ids: createNodeIds(etcd, CONTIV_TREE), disk, highest: highestNodeId(plan) },
    hasPods: () => leases.leases().some(isHeld),
  };
  const source = async (): Promise<readonly string[]> => {
    const { kind, id } = await settleNodeId(numbered);
    if (kind === 'settled') return [textOf(nodeSubnet(plan.pods, id))];
    throw new PodwireError('NodeIdUnavailable', `node ID ${id}, by which pods of this node live, is another node's`);
  };
  const answers = contivAnswers(() => disk.read(node), node, ipam, plan);
  const { mtu, masquerade, withoutTunnel } = config;
  const macOf = (subnet: Subnet): string => contivMac(plan, subnet);
  return { source, contiv: { mtu, masquerade, withoutTunnel, macOf, answers } };
}

/** By the number that the node's disk says: its pods have their addresses by that one, whatever etcd says. */
function contivAnswers(
  idOnDisk: () => Promise<number | undefined>,
  name: string,
  ipam: ContivIpam,
  plan: AddressPlan,
): ContivAnswers {
  const addressOf = (id: number): string | undefined =>
    plan.nodes === undefined ? undefined : ipNumbers.text(nodeAddress(plan.nodes, id));
  return {
    nodeIp: async () => {
      const id = await idOnDisk();
      return id === undefined ? undefined : addressOf(id);
    },
    ipam: async () => {
      const id = await idOnDisk();
      const shown = { id: id ?? 0, name, address: id === undefined ? undefined : addressOf(id) };
      return ipamAnswer(shown, ipam, plan, ipNumbers);
    },
  };
}

/** @throws PodwireError AddressingInvalid */
function contivMac({ pods }: AddressPlan, { family, base }: Subnet): string {
  const id = nodeIdOfSubnetAddress(pods, { family, value: base });
  if (id === undefined)
    throw new PodwireError('AddressingInvalid', 'the pod subnet of this node is none of contiv.yaml');
  return nodeMac(id);
}

async function ofNodeObject(kube: NodeConnections['kube'], node: string): Promise<readonly string[]> {
  if (kube === undefined) throw new PodwireError('ApiUnavailable', 'the API is asked with --cni-socket only');
  return podSubnetsOf(await getPodCidrs(kube, node), ipNumbers).map(textOf);
}
