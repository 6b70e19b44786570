/** Activities about a network's members and their nodes. */
import { meshRecord } from '../../domain/forwarding/mesh-record.ts';
import type { NetworkRef } from '../../domain/network-selection.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import { isNodeMesh } from '../../domain/primary/node-member.ts';
import { nodeOfTarget } from '../../domain/target.ts';
import type { ControlSteps } from './control-contract.ts';
import type { RecordDeps } from './attachment-records.ts';

type MeshActivities = Pick<ControlSteps, 'leaveMesh' | 'listMeshNodes' | 'recordMesh' | 'readNode'>;

export function createMeshActivities({ records, signals, cluster, nodeGoneSeconds }: RecordDeps): MeshActivities {
  return {
    leaveMesh: (network) => signals.membersChanged(network, 'a member left'),
    listMeshNodes: async (network) => [...(await nodesWithMembers(records, network))].sort(),
    recordMesh: async ({ scope, name, behind }) => {
      const network = { scope, name };
      const [nodes, before] = await Promise.all([nodesWithMembers(records, network), records.mesh(network)]);
      const now = new Date().toISOString();
      // A node whose last member has left is not behind: it has nothing to catch up with, and no resync would say so later.
      const left = behind.filter((node) => nodes.has(node));
      await records.putMesh(network, nodes.size === 0 ? undefined : meshRecord(left, before, now));
    },
    readNode: async ({ node }) => ({
      exists: (await cluster.nodeUid(nodeOfTarget(node))) !== undefined,
      lookAgainAfterSeconds: nodeGoneSeconds,
    }),
  };
}

/** Of the mesh between nodes the nodes themselves are the members. */
const nodesWithMembers = async (
  records: Pick<RecordStore, 'members' | 'nodeMembers'>,
  network: NetworkRef,
): Promise<ReadonlySet<string>> =>
  new Set(isNodeMesh(network) ? await records.nodeMembers() : (await records.members(network)).map(({ node }) => node));
