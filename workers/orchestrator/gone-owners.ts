/** The orchestrator sees to addresses of pools whose nodes are gone for good, and to records that mean nothing any more. */
import { GoneOwners } from '../../activities/ipam/gone-owners.ts';
import { createAddressPools } from '../../adapters/etcd/address-pools.ts';
import type { Etcd } from '../../adapters/etcd/client.ts';
import { readLookTimes } from '../../adapters/etcd/node-looks.ts';
import { createPoolUpkeep } from '../../adapters/etcd/pool-upkeep.ts';
import { ipNumbers } from '../../adapters/ip/ip-numbers.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import type { Cluster } from '../../domain/ports/cluster.ts';
import { everyInterval } from '../loops.ts';

const INTERVAL_MS = 5 * 60_000;

/** Until the signal is aborted. Each orchestrator looks by itself; what the other has done is found done. */
export function seeToGoneOwners(
  etcd: Etcd,
  cluster: Pick<Cluster, 'nodeUid'>,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const now = (): number => Date.now();
  const gone = new GoneOwners({
    ...{ cluster, now, upkeep: createPoolUpkeep(etcd, now) },
    pools: createAddressPools(etcd, { ip: ipNumbers, now, random: Math.random }),
    lookedAt: () => readLookTimes(etcd),
    onGone: (node, owners) =>
      log.warn({ node, owners }, 'the node is gone for good: addresses of pools were given back'),
  });
  return everyInterval('addresses of nodes that are gone', INTERVAL_MS, log, signal, () => gone.look());
}
