/** What a node worker repeats for as long as it lives, whether it has work or not. */
import type { Client } from '@temporalio/client';
import type { CniDeps } from '../activities/node/deps.ts';
import type { SweepSteps } from '../activities/node/sweep-activities.ts';
import { readStoreState } from '../adapters/etcd/store-state.ts';
import type { Logger } from '../adapters/log/logger.ts';
import { pauseSecondsFor, startSweep } from '../adapters/temporal/sweeps.ts';
import type { NodeConfig } from '../config/node.ts';
import type { NodeAssembly } from './node-assembly.ts';
import { NodeConfigsPublisher } from './node-configs.ts';
import type { NodeConnections } from './node-connections.ts';
import { everyInterval } from './node-loops.ts';
import { resyncNetworks } from './node-resync.ts';
import { OwnLooks } from './node-sweep.ts';
import { StoreWatch } from './store-watch.ts';

const SANDBOX_INTERVAL_MS = 2_000;
const RESYNC_INTERVAL_MS = 60_000;
const CONFIGS_INTERVAL_MS = 5_000;
/** A key of a few is read; a thousand nodes are two hundred reads a second. */
const STORE_INTERVAL_MS = 5_000;

export interface NodeUpkeep {
  /** The node's own looks, which begin when its worker is there to do what they find. */
  sweep(steps: SweepSteps): void;
  /** Resolves when every loop has ended, which they do when the signal is aborted. */
  ended(): Promise<void>;
}

/** @param signal ends it */
export function startUpkeep(
  config: NodeConfig,
  { etcd, temporal }: NodeConnections,
  { deps, signals, watch }: NodeAssembly,
  log: Logger,
  signal: AbortSignal,
): NodeUpkeep {
  const configs = new NodeConfigsPublisher({
    store: deps.store,
    signals,
    node: config.node,
    dir: config.cniConfDir,
    log,
  });
  const store = new StoreWatch({
    ...{ deps, log },
    state: () => readStoreState(etcd),
    publish: async () => {
      await deps.store.putNode(config.node);
      watch.restart();
      configs.forget();
    },
  });
  const loops = [
    everyInterval('store', STORE_INTERVAL_MS, log, signal, () => store.look(signal)),
    everyInterval('configurations', CONFIGS_INTERVAL_MS, log, signal, () => configs.publish()),
    everyInterval('sandboxes', SANDBOX_INTERVAL_MS, log, signal, () => watch.look(signal)),
    everyInterval('resync', RESYNC_INTERVAL_MS, log, signal, async () => {
      watch.reload();
      await resyncNetworks(deps, log, signal);
    }),
  ];
  return {
    sweep: (steps) => {
      if (config.sweepMs === 0) return;
      const looks = ownLooks(config, deps, steps, temporal.client, () => store.isTornDown);
      loops.push(everyInterval('sweep', config.sweepMs, log, signal, () => looks.look(signal)));
    },
    ended: async () => {
      await Promise.all(loops);
    },
  };
}

function ownLooks(
  { node, sweepMs }: NodeConfig,
  { store }: Pick<CniDeps, 'store'>,
  steps: SweepSteps,
  client: Client,
  isTornDown: () => boolean,
): OwnLooks {
  const pauseSeconds = pauseSecondsFor(sweepMs);
  return new OwnLooks({
    ...{ node, steps, isTornDown },
    startSweep: () => startSweep(client, { node, pauseSeconds }),
    noteLook: (at) => store.putNode(node, at),
  });
}
