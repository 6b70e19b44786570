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

export function createNodeSweep(deps: CniDeps, observer: SweepObserver, log: Logger): SweepNodeActivities {
  const leftovers = createCniLeftovers();
  const gc = new SweepGc({ ...deps, leftovers }, (network, err) =>
    log.warn({ network: networkKey(network), err }, 'GC of a CNI network failed'),
  );
  return createSweepNodeActivities({ ...deps, leftovers, gc, observer, memory: new SweepMemory() });
}

export interface SweepScheduleParts {
  readonly client: Client;
  readonly node: string;
  readonly intervalMs: number;
  /** Which database Temporal has. */
  readonly identity: () => Promise<string>;
  /** While podwire is to be out of the cluster there is no schedule. */
  readonly isTornDown: () => boolean;
}

/** Keeps the node's schedule as it is to be: also in a Temporal that lost its database, and not while podwire is to be out of the cluster. */
export class SweepSchedule {
  readonly #parts: SweepScheduleParts;
  #made: string | undefined;

  constructor(parts: SweepScheduleParts) {
    this.#parts = parts;
  }

  /** Makes it, and starts a first sweep with it, unless that was done. @throws PodwireError `TemporalUnavailable` */
  async look(): Promise<void> {
    const { client, node, intervalMs, identity, isTornDown } = this.#parts;
    const interval = isTornDown() ? 0 : intervalMs;
    const wished = `${await identity()} ${interval}`;
    if (wished === this.#made) return;
    await ensureSweepSchedule(client, node, interval);
    this.#made = wished;
  }
}
