/** The orchestrator sees to members of the mesh between nodes whose nodes are gone for good: their own workers cannot. */
import { GoneMembers } from '../../activities/primary/gone-members.ts';
import type { Etcd } from '../../adapters/etcd/client.ts';
import { createNodeMembers } from '../../adapters/etcd/node-members.ts';
import { readLookTimes } from '../../adapters/etcd/node-looks.ts';
import { createPrimarySandboxes } from '../../adapters/etcd/primary-sandboxes.ts';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import type { Cluster, Signals } from '../../domain/ports/cluster.ts';
import { everyInterval } from '../loops.ts';

/** Two looks are as far apart as a node that is replaced may take. */
const INTERVAL_MS = 5 * 60_000;

interface Parts {
  readonly etcd: Etcd;
  readonly cluster: Pick<Cluster, 'nodeUid'>;
  readonly signals: Pick<Signals, 'membersChanged'>;
}

/** Until the signal is aborted. Each orchestrator looks by itself; what the other has done is found done. */
export function seeToGoneMembers({ etcd, cluster, signals }: Parts, log: Logger, signal: AbortSignal): Promise<void> {
  const members = createNodeMembers(etcd);
  const gone = new GoneMembers({
    ...{ members, cluster, signals, sandboxes: createPrimarySandboxes(etcd, ipNumbers, undefined) },
    nodes: {
      members: async () => (await members.read()).members.map(({ node }) => node),
      lookedAt: () => readLookTimes(etcd),
    },
    now: () => Date.now(),
    onGone: (node) => log.warn({ node }, 'the node is gone for good: the ways of others to its pods go'),
  });
  return everyInterval('nodes that are gone', INTERVAL_MS, log, signal, () => gone.look());
}
