/** Where a node worker answers the calls of its node's container runtime. */
import { byMode } from '../../activities/primary/by-mode.ts';
import { chainConfiguration } from '../../adapters/cni-server/installation.ts';
import { startCniServer } from '../../adapters/cni-server/server.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import type { NodeConfig } from '../../config/node.ts';
import type { Opened } from '../opened.ts';
import { Pace } from '../pace.ts';
import type { NodeAssembly } from './node-assembly.ts';
import type { NodeConnections } from './node-connections.ts';
import { whileFoldersRest } from './node-loops.ts';
import { startPrimary, type Primary } from './primary.ts';

const CHAIN_PACE = { oftenMs: 5_000, seldomMs: 120_000, alertMs: 15_000 };

/**
 * Answers from now until the signal is aborted; does nothing where no socket is set. The runtime is told to call only then.
 *
 * @returns what else a node answers whose pods' network is podwire's
 * @throws SocketRefused, the error of the file system
 */
export async function serveCni(
  config: NodeConfig,
  connections: NodeConnections,
  assembly: NodeAssembly,
  log: Logger,
  ending: { readonly signal: AbortSignal; readonly opened: Opened },
): Promise<Primary | undefined> {
  const { signal, opened } = ending;
  const { cniSocket: socket, contivAddress: contiv, cniChainDir } = config;
  const { coldPlug } = assembly;
  if (socket === undefined || coldPlug === undefined) return undefined;
  const { behindOthers, behindPrimary } = coldPlug;
  const primary = config.primary.enabled
    ? await startPrimary(
        config,
        connections,
        { runtime: assembly.deps.runtime, failpoints: assembly.deps.failpoints, others: behindPrimary, opened },
        log,
        signal,
      )
    : undefined;
  const podCni = byMode(behindOthers, primary?.cni);
  const { cniServer: metrics } = assembly.metrics;
  const { observer } = metrics;
  const server = opened.add(await startCniServer({ socket, contiv, podCni, observer, log }), (each) => each.stop());
  metrics.follow(server.counts);
  // The runtime is told to come again as soon as this worker is to end, not when all else has ended.
  signal.addEventListener('abort', () => void server.stop(), { once: true });
  log.info({ socket, contiv }, "answering the container runtime's calls");
  if (cniChainDir !== undefined) void opened.add(keepChained(cniChainDir, socket, log, signal), (ended) => ended);
  return primary;
}

/** What is written stays when this worker ends: until its successor serves, pods wait instead of starting without their networks. */
function keepChained(folder: string, socket: string, log: Logger, signal: AbortSignal): Promise<void> {
  let said = '';
  return whileFoldersRest('chained configuration', new Pace(CHAIN_PACE), log, signal, {
    folders: () => [folder],
    work: async () => {
      const chained = await chainConfiguration(folder, socket);
      const why = 'why' in chained ? chained.why : '';
      if (why !== '' && why !== said) log.warn({ folder, why }, 'podwire stands behind no network of this node');
      if (chained.state === 'written')
        log.info({ folder, from: chained.from }, 'podwire stands behind the network of this node');
      said = why;
    },
  });
}
