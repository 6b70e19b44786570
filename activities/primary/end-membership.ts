/** A node that is surely gone leaves the mesh between nodes. */
import type { Signals } from '../../domain/ports/cluster.ts';
import type { NodeMembers } from '../../domain/ports/node-mesh.ts';
import { NODE_MESH } from '../../domain/primary/node-member.ts';

export interface EndMembershipDeps {
  readonly members: Pick<NodeMembers, 'remove'>;
  readonly signals: Pick<Signals, 'membersChanged'>;
}

/**
 * The others' ways to its pods go. Repeatable: the others are told each time, since an earlier call may
 * have ended before it told them. A worker of the node that lives all the same joins again with its next look.
 * @throws PodwireError EtcdUnavailable, TemporalUnavailable
 */
export async function endMembership({ members, signals }: EndMembershipDeps, node: string): Promise<void> {
  await members.remove(node);
  await signals.membersChanged(NODE_MESH, `node ${node} is gone`);
}
