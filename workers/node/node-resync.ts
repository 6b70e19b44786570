/** Compares the forwarding entries of all networks with members here with the kernel, also after the mesh ran without this node (ADR 34). */
import { FdbSync } from '../../activities/network/forwarding/fdb-sync.ts';
import type { NodeDeps } from '../../activities/network/deps.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import { networkKey, type NetworkRef } from '../../domain/network-selection.ts';
import type { NodeStore } from '../../domain/ports/node-store.ts';

export interface ResyncDeps {
  readonly node: string;
  readonly store: Pick<NodeStore, 'listNodeAttachments' | 'readMesh' | 'caughtUp'>;
  readonly fdb: Pick<NodeDeps['fdb'], 'compareNetwork'>;
}

/**
 * One network that fails does not stop the others; the first failure is thrown at the end.
 * @returns whether the node has no attachments, so that there was nothing to compare
 */
export async function resyncNetworks(
  deps: ResyncDeps,
  log: Pick<Logger, 'info'>,
  signal: AbortSignal,
): Promise<boolean> {
  const attachments = await deps.store.listNodeAttachments(deps.node);
  const failures: unknown[] = [];
  for (const network of FdbSync.networksOf(attachments)) {
    if (signal.aborted) break;
    try {
      await resync(deps, network, log, signal);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return attachments.length === 0;
}

async function resync(
  { node, store, fdb }: ResyncDeps,
  network: NetworkRef,
  log: Pick<Logger, 'info'>,
  signal: AbortSignal,
): Promise<void> {
  // Before the members are read: what this node is behind of is among them then.
  const mesh = await store.readMesh(network);
  const { written, removed } = await fdb.compareNetwork(network, signal);
  if (written + removed > 0)
    log.info({ network: networkKey(network), written, removed }, 'forwarding entries repaired');
  // A comparison that was aborted has ended early.
  if (!signal.aborted && mesh?.value.behind.includes(node) === true)
    await store.caughtUp(network, node, mesh.value.recordedAt);
}
