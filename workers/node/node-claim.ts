/** One worker a node: who has the node's name is its worker, and a second one ends. */
import type { Server } from 'node:net';
import { claimNameSoon } from '../../adapters/host/single-instance.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import { nodeQueue } from '../../domain/messages.ts';

/** Longer than a worker takes that was told to end, or whose pod was deleted by force. */
const PREDECESSOR_MS = 15_000;

/** The node has another worker, which does not end. */
export class NodeTaken extends Error {}

/**
 * Waits for the end of a predecessor.
 *
 * @returns the claim, to be closed when nothing is done on the node any more; undefined when `signal` was aborted
 * @throws NodeTaken
 */
export async function claimNode(node: string, log: Logger, signal: AbortSignal): Promise<Server | undefined> {
  const queue = nodeQueue(node);
  const onTaken = (): void =>
    log.warn({ queue, limitMs: PREDECESSOR_MS }, 'the node has a worker; its end is waited for');
  const claim = await claimNameSoon(queue, { limitMs: PREDECESSOR_MS, signal, onTaken });
  if (claim === undefined && !signal.aborted)
    throw new NodeTaken(`node ${node} has a worker already (abstract socket @${queue} is taken); end it first`);
  return claim;
}
