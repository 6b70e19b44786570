/** Where a node worker answers the calls of its node's container runtime. */
import { byMode } from '../../activities/primary/by-mode.ts';
import { startCniServer } from '../../adapters/cni-server/server.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import type { Tracing } from '../../adapters/tracing/tracing.ts';
import type { NodeConfig } from '../../config/node.ts';
import type { Opened } from '../opened.ts';
import type { NodeAssembly } from './node-assembly.ts';
import type { NodeConnections } from './node-connections.ts';
import { keepConfigured } from './kept-configuration.ts';
import { startPrimary, type Primary } from './primary.ts';

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
  ending: { readonly tracing: Tracing; readonly signal: AbortSignal; readonly opened: Opened },
): Promise<Primary | undefined> {
  const { tracing, signal, opened } = ending;
  const { cniSocket: socket, contivAddress: contiv, cniChainDir } = config;
  const { coldPlug } = assembly;
  if (socket === undefined || coldPlug === undefined) return undefined;
  const { behindOthers, behindPrimary } = coldPlug;
  const primary = config.primary.enabled
    ? await startPrimary(
        config,
        connections,
        {
          ...{ runtime: assembly.deps.runtime, failpoints: assembly.deps.failpoints, signals: assembly.signals },
          ...{ others: behindPrimary, opened },
        },
        log,
        signal,
      )
    : undefined;
  const podCni = byMode(behindOthers, primary?.podCni);
  const { cniServer: metrics } = assembly.metrics;
  const { observer } = metrics;
  const ipam = assembly.addresses.podCni;
  const server = opened.add(await startCniServer({ socket, contiv, podCni, ipam, observer, tracing, log }), (each) =>
    each.stop(),
  );
  metrics.follow(server.counts);
  // The runtime is told to come again as soon as this worker is to end, not when all else has ended.
  signal.addEventListener('abort', () => void server.stop(), { once: true });
  log.info({ socket, contiv }, "answering the container runtime's calls");
  if (cniChainDir !== undefined) {
    const wanted = { folder: cniChainDir, socket, plugins: config.cniBinDirs };
    void opened.add(keepConfigured(wanted, primary?.addressed, log, signal), (ended) => ended);
  }
  return primary;
}
