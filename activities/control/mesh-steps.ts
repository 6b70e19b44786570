/** Activities about a network's members and their nodes. */
import { meshRecord } from '../../domain/forwarding/mesh-record.ts';
import { nodeOfTarget } from '../../domain/target.ts';
import type { ControlSteps } from './control-contract.ts';
import type { RecordDeps } from './attachment-records.ts';

type MeshActivities = Pick<ControlSteps, 'leaveMesh' | 'listMeshNodes' | 'recordMesh' | 'readNode'>;

export function createMeshActivities({ records, signals, cluster, nodeGoneSeconds }: RecordDeps): MeshActivities {
  return {
    leaveMesh: (network) => signals.membersChanged(network, 'a member left'),
    listMeshNodes: async (network) =>
      [...new Set((await records.members(network)).map((member) => member.node))].sort(),
    recordMesh: async ({ scope, name, behind }) => {
      const network = { scope, name };
      const [members, before] = await Promise.all([records.members(network), records.mesh(network)]);
      const now = new Date().toISOString();
      // A node whose last member has left is not behind: it has nothing to catch up with, and no resync would say so later.
      const left = behind.filter((node) => members.some((member) => member.node === node));
      await records.putMesh(network, members.length === 0 ? undefined : meshRecord(left, before, now));
    },
    readNode: async ({ node }) => ({
      exists: (await cluster.nodeUid(nodeOfTarget(node))) !== undefined,
      lookAgainAfterSeconds: nodeGoneSeconds,
    }),
  };
}
