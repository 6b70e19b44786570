/** What a node worker repeats for as long as it lives, whether it has work or not. */
import type { Client } from '@temporalio/client';
import type { CniDeps } from '../../activities/network/deps.ts';
import type { SweepSteps } from '../../activities/network/sweep/sweep-activities.ts';
import type { Ask } from '../../adapters/etcd/client.ts';
import { readStoreState } from '../../adapters/etcd/store-state.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import { pauseSecondsFor, startSweep } from '../../adapters/temporal/sweeps.ts';
import {
  incarnationKey,
  nodeAttachmentsPrefix,
  sandboxesPrefix,
  teardownKey,
  tombstonesPrefix,
} from '../../domain/keys.ts';
import { configFolders } from '../../adapters/cni/config-files.ts';
import { leftoverFolders } from '../../adapters/cni/leftovers.ts';
import type { NodeConfig } from '../../config/node.ts';
import type { ColdPlugs } from './cold-plug.ts';
import type { DriftSteps } from './drift-watch.ts';
import type { NodeAssembly } from './node-assembly.ts';
import { NodeConfigsPublisher } from './node-configs.ts';
import type { NodeConnections } from './node-connections.ts';
import { everyInterval, whileFoldersRest } from '../loops.ts';
import { resyncNetworks } from './node-resync.ts';
import { RecordsOfNode } from './records-of-node.ts';
import { OwnSweeps } from './own-sweeps.ts';
import { Pace } from '../pace.ts';
import { StoreWatch } from '../store-watch.ts';

/** While the node has attachments, whose forwarding entries anybody may change. Whatever comes to be recorded of it is told. */
const RESYNC_PACE = { oftenMs: 60_000, seldomMs: 600_000, alertMs: 60_000, laterMs: 60_000 };
/** The same for the node's looks at itself, in multiples of what is set. */
const RESTING_LOOKS = 10;
/** What is published is read again: the net below what was deleted by hand, or told to a run that had no ear. */
const RELOAD_INTERVAL_MS = 300_000;
/** A sandbox is Ready some seconds after its netns has appeared; the slowest find themselves by the second figure. */
const SANDBOX_PACE = { oftenMs: 2_000, seldomMs: 120_000, alertMs: 60_000 };
/** While a sandbox is announced, which is for seconds as a rule. */
const ANNOUNCED_PACE = { oftenMs: 5_000, seldomMs: 600_000, alertMs: 5_000 };
const CONFIGS_PACE = { oftenMs: 5_000, seldomMs: 120_000, alertMs: 15_000 };
/** A key of a few is read; a thousand nodes that hear nothing are two hundred reads a second. */
const STORE_PACE = { oftenMs: 5_000, seldomMs: 120_000, alertMs: 15_000 };

export interface NodeUpkeep {
  /** The node's own looks, which begin when its worker is there to do what they find. */
  sweep(steps: SweepSteps): void;
  /** Resolves when every loop has ended, which they do when the signal is aborted. */
  ended(): Promise<void>;
}

/** @param signal ends it */
export function startUpkeep(
  config: NodeConfig,
  { cri, etcd, temporal }: NodeConnections,
  { deps, signals, watch, drift, coldPlug, addresses }: NodeAssembly,
  log: Logger,
  signal: AbortSignal,
): NodeUpkeep {
  const paces = createPaces(config);
  const records = new RecordsOfNode([paces.resync, paces.sweep]);
  cri.onLost(() => paces.sandboxes.changed());
  const { node, cniConfDir: dir } = config;
  const configs = new NodeConfigsPublisher({ store: deps.store, signals, node, dir, log });
  const store = new StoreWatch({
    ...{ deps, log },
    state: () => readStoreState(etcd),
    publish: async () => {
      await deps.store.putNode(node);
      watch.restart();
      configs.forget();
      for (const pace of [paces.sandboxes, paces.configs]) pace.changed();
    },
  });
  const loops = [
    etcd.follow([{ key: incarnationKey() }, { key: teardownKey() }], paces.store, signal),
    etcd.follow(recordsOf(node), records, signal),
    addresses.giveBack(signal),
    everyInterval('store', paces.store, log, signal, () => store.look(signal)),
    whileFoldersRest('configurations', paces.configs, log, signal, {
      folders: () => (dir === undefined ? [] : configFolders(dir)),
      work: () => configs.publish(),
    }),
    whileFoldersRest('sandboxes', paces.sandboxes, log, signal, {
      folders: () => config.netnsRoots,
      work: () => watch.look(signal),
    }),
    everyInterval('resync', paces.resync, log, signal, async () => {
      records.rest(paces.resync, await resyncNetworks(deps, log, signal));
    }),
    ...(coldPlug === undefined ? [] : lookAfterAnnounced(coldPlug, log, signal)),
    everyInterval('reload', RELOAD_INTERVAL_MS, log, signal, async () => watch.reload()),
  ];
  return {
    sweep: (steps) => {
      if (config.sweepMs === 0) return;
      const looks = ownLooks(config, deps, steps, temporal.client, () => store.isTornDown);
      loops.push(
        whileFoldersRest('sweep', paces.sweep, log, signal, {
          folders: leftoverFolders,
          work: async () => records.rest(paces.sweep, await looks.look(signal)),
        }),
      );
      const whenTold = driftSteps(steps, temporal.client, () => store.isTornDown);
      if (drift !== undefined) loops.push(drift.serve(whenTold, signal));
    },
    ended: async () => {
      await Promise.all(loops);
    },
  };
}

/** Nobody looks while nothing is announced. */
function lookAfterAnnounced({ announced, behindOthers }: ColdPlugs, log: Logger, signal: AbortSignal): Promise<void>[] {
  const pace = new Pace(ANNOUNCED_PACE);
  const listen = async (): Promise<void> => {
    while (!signal.aborted) {
      await announced.untilPut(() => true, signal);
      pace.changed();
    }
  };
  const look = async (): Promise<void> => {
    await behindOthers.lookAfter(signal);
    pace.heard(announced.list().length === 0);
  };
  return [listen(), everyInterval('announced', pace, log, signal, look)];
}

const createPaces = ({ sweepMs }: NodeConfig) => ({
  store: new Pace(STORE_PACE),
  sandboxes: new Pace(SANDBOX_PACE),
  configs: new Pace(CONFIGS_PACE),
  resync: new Pace(RESYNC_PACE),
  sweep: new Pace({ oftenMs: sweepMs, seldomMs: RESTING_LOOKS * sweepMs, alertMs: sweepMs, laterMs: sweepMs }),
});

/** What is recorded of a node. */
const recordsOf = (node: string): Ask[] =>
  [nodeAttachmentsPrefix, sandboxesPrefix, tombstonesPrefix].map((prefix) => ({ prefix: prefix(node) }));

const driftSteps = ({ lookAt }: SweepSteps, client: Client, isTornDown: () => boolean): DriftSteps => ({
  ...{ lookAt, isTornDown },
  startSweep: (input, workflowId) => startSweep(client, input, workflowId),
});

function ownLooks(
  { node, sweepMs }: NodeConfig,
  { store }: Pick<CniDeps, 'store'>,
  steps: SweepSteps,
  client: Client,
  isTornDown: () => boolean,
): OwnSweeps {
  const pauseSeconds = pauseSecondsFor(sweepMs);
  return new OwnSweeps({
    ...{ node, steps, isTornDown },
    startSweep: () => startSweep(client, { node, pauseSeconds }),
    noteLook: (at) => store.putNode(node, at),
  });
}
