/** The node worker's part in sweeps: the activities, and the schedule that runs them. */
import type { Client } from '@temporalio/client';
import type { CniDeps } from '../activities/node/deps.ts';
import { createSweepNodeActivities } from '../activities/node/sweep-activities.ts';
import { SweepGc } from '../activities/node/sweep-gc.ts';
import type { SweepNodeActivities } from '../activities/node/sweep-inputs.ts';
import { SweepMemory, type SweepObserver } from '../activities/node/sweep-memory.ts';
import { createCniLeftovers } from '../adapters/cni/leftovers.ts';
import type { Logger } from '../adapters/log/logger.ts';
import { ensureSweepSchedule } from '../adapters/temporal/sweeps.ts';
import { networkKey } from '../domain/network-selection.ts';
import { untilDone } from './node-loops.ts';

export function createNodeSweep(deps: CniDeps, observer: SweepObserver, log: Logger): SweepNodeActivities {
  const leftovers = createCniLeftovers();
  const gc = new SweepGc({ ...deps, leftovers }, (network, err) =>
    log.warn({ network: networkKey(network), err }, 'GC of a CNI network failed'),
  );
  return createSweepNodeActivities({ ...deps, leftovers, gc, observer, memory: new SweepMemory() });
}

/** Returns at once; the schedule is made when Temporal answers, and a first sweep is started with it. */
export function scheduleSweeps(
  client: Client,
  node: string,
  intervalMs: number,
  log: Logger,
  signal: AbortSignal,
): void {
  void untilDone('sweep schedule', log, signal, () => ensureSweepSchedule(client, node, intervalMs));
}
