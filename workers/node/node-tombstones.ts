/**
 * What a node that was silent for long still owns (ADR 32): its records were put aside when its Node object had gone. A
 * worker that starts in another boot drops them, since the links died with the old one; in the same boot it removes the links.
 */
import { deleteAttachment } from '../../activities/network/cni/cni-delete.ts';
import type { CniDeps } from '../../activities/network/deps.ts';
import { openRecorded } from '../../activities/network/sandbox-netns.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import { PodwireError } from '../../domain/failures.ts';
import { planRemoval } from '../../domain/vxlan/link-removal.ts';
import type { CniAttachmentRecord, VxlanAttachmentRecord } from '../../domain/records.ts';
import { isSandboxOf, uidInRuntime } from '../../domain/pod/static-pods.ts';

/** Runs before the worker serves anything. Fails like etcd and the kernel do; then it has to be run again. */
export async function clearTombstones(deps: CniDeps, log: Logger, signal: AbortSignal): Promise<void> {
  for (const tombstone of await deps.store.listTombstones(deps.node)) {
    const { value } = tombstone;
    const sameBoot = value.bootId === deps.bootId;
    // Reservations outlive a boot, links do not.
    if (value.kind === 'cni') await removeInterface(deps, value, signal);
    else if (sameBoot) await removeLink(deps, value, signal);
    await deps.store.removeTombstone(tombstone);
    log.info(
      { podUid: value.podUid, sandboxId: value.sandboxId, ifName: value.interfaceName, sameBoot },
      'cleared what was left from before the node was lost',
    );
  }
}

async function removeLink(deps: CniDeps, record: VxlanAttachmentRecord, signal: AbortSignal): Promise<void> {
  const sandbox = await deps.runtime.describe(record.sandboxId);
  if (sandbox === undefined || !isSandboxOf(sandbox, record)) return;
  if (sandbox.netnsPath !== record.netns.path) return;
  try {
    const netns = await openRecorded(deps, record, signal);
    try {
      const { commands } = planRemoval(await deps.kernel.observe(netns), {
        podUid: uidInRuntime(record),
        interfaceName: record.interfaceName,
        ifindex: record.result?.ifindex,
        temporaryName: deps.temporaryName(uidInRuntime(record), record.interfaceName),
        giveBackAdopted: false,
      });
      await deps.kernel.execute(netns, commands);
      await deps.fdb.openToAll(netns, record.interfaceName);
    } finally {
      await netns.close();
    }
  } catch (error) {
    if (error instanceof PodwireError && error.retryClass === 'stale') return;
    throw error;
  }
}

/** A DEL that fails is no reason to serve nobody: it is told, and what it leaves is for the sweeper. */
async function removeInterface(deps: CniDeps, record: CniAttachmentRecord, signal: AbortSignal): Promise<void> {
  try {
    const { warning } = await deleteAttachment(deps, record, signal);
    if (warning !== undefined) deps.onUndoFailed(record, new Error(warning.message));
  } catch (error) {
    if (error instanceof PodwireError && error.code === 'EtcdUnavailable') throw error;
    deps.onUndoFailed(record, error);
  }
}
