/** Where a node worker answers the calls of its node's container runtime. */
import { startCniServer } from '../../adapters/cni-server/server.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import type { NodeConfig } from '../../config/node.ts';
import type { PodCni } from '../../domain/cni-server/pod-cni.ts';
import type { Opened } from '../opened.ts';
import type { NodeAssembly } from './node-assembly.ts';

/** Who does what the runtime asks for; undefined: nobody does yet. */
const createPodCni = (_assembly: NodeAssembly): PodCni | undefined => undefined;

/**
 * Answers from now until the signal is aborted; does nothing where no socket is set.
 *
 * @throws SocketRefused, the error of the file system
 */
export async function serveCni(
  { cniSocket: socket }: Pick<NodeConfig, 'cniSocket'>,
  assembly: NodeAssembly,
  log: Logger,
  signal: AbortSignal,
  opened: Opened,
): Promise<void> {
  if (socket === undefined) return;
  const podCni = createPodCni(assembly);
  if (podCni === undefined) {
    log.warn({ socket }, 'PODWIRE_CNI_SOCKET is set, but this build of podwire serves no CNI calls');
    return;
  }
  const { observer, follow } = assembly.metrics.cniServer;
  const server = opened.add(await startCniServer({ socket, podCni, observer, log }), (each) => each.stop());
  follow(server.counts);
  // The runtime is told to come again as soon as this worker is to end, not when all else has ended.
  signal.addEventListener('abort', () => void server.stop(), { once: true });
  log.info({ socket }, "answering the container runtime's calls");
}
