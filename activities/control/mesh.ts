/** What the mesh needs of the control side: telling, listing, recording. */
import { nodeOfPlace } from '../../domain/place.ts';
import type { ControlSteps } from './inputs.ts';
import type { RecordDeps } from './attachment-records.ts';

type MeshActivities = Pick<ControlSteps, 'joinMesh' | 'leaveMesh' | 'listMeshNodes' | 'recordMesh' | 'readNode'>;

export function createMeshActivities({ records, signals, cluster, nodeGoneSeconds }: RecordDeps): MeshActivities {
  return {
    joinMesh: (network) => signals.membersChanged(network, 'a member joined'),
    leaveMesh: (network) => signals.membersChanged(network, 'a member left'),
    listMeshNodes: async (network) =>
      [...new Set((await records.members(network)).map((member) => member.node))].sort(),
    recordMesh: async ({ scope, name, behind }) => {
      const members = await records.members({ scope, name });
      await records.putMeshState({ scope, name }, members.length === 0 ? undefined : { behind });
    },
    readNode: async ({ node }) => ({
      exists: (await cluster.nodeUid(nodeOfPlace(node))) !== undefined,
      lookAgainAfterSeconds: nodeGoneSeconds,
    }),
  };
}
