/** Compares the forwarding entries of all networks with members here with the kernel, also after the mesh ran without this node (decision 22). */
import { FdbSync } from '../activities/node/fdb-sync.ts';
import type { NodeDeps } from '../activities/node/deps.ts';
import type { Logger } from '../adapters/log/logger.ts';
import { networkKey } from '../domain/network-selection.ts';

/** One network that fails does not stop the others; the first failure is thrown at the end. */
export async function resyncNetworks(deps: NodeDeps, log: Logger, signal: AbortSignal): Promise<void> {
  const attachments = await deps.store.listNodeAttachments(deps.node);
  const failures: unknown[] = [];
  for (const network of FdbSync.networksOf(attachments)) {
    if (signal.aborted) break;
    try {
      const { written, removed } = await deps.fdb.compareNetwork(network, signal);
      if (written + removed > 0)
        log.info({ network: networkKey(network), written, removed }, 'forwarding entries repaired');
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
