/** Detaches one interface with the configuration of its ADD, also when its sandbox is gone: reservations outlive a netns. */
import { PodwireError } from '../../../domain/failures.ts';
import type { CniAttachmentRecord, StepFailure } from '../../../domain/records.ts';
import { asBegun, begun, begunAdd, callOf, forgetBegun } from './cni-attachment.ts';
import { putBackSysctls } from './cni-sysctls.ts';
import { giveBackDefaultRoutes } from './default-routes.ts';
import type { CniDeps } from '../deps.ts';
import { readFenced, underSandboxLock } from '../fenced-record.ts';
import type { DeleteLinkInput, DeleteLinkResult } from '../network-contract.ts';
import { openIfThere } from '../sandbox-netns.ts';
import { undoAdd } from './undo-add.ts';

export function cniDelete(deps: CniDeps, input: DeleteLinkInput, signal: AbortSignal): Promise<DeleteLinkResult> {
  return underSandboxLock(deps, input, async () => {
    const record = await readFenced(deps, input, 'cni', ['removing']);
    return deps.networkLocks.shared(record.network, () => deleteAttachment(deps, record, signal));
  });
}

/** The caller holds the sandbox's and the network's lock. */
export async function deleteAttachment(
  deps: CniDeps,
  record: CniAttachmentRecord,
  signal: AbortSignal,
): Promise<DeleteLinkResult> {
  const earlier = await begun(deps, record);
  // Nothing was begun: an interface of that name is somebody else's, and DEL would take it away. After a crash of the machine the
  // journal may have been lost while a reservation was kept; there is no interface any more by then.
  if (earlier === undefined) {
    if (record.bootId !== deps.bootId)
      await deps.plugins.del(callOf(record, ''), undefined, signal).catch(ignorePlugins);
    return { outcome: 'absent' };
  }
  const netns = await openIfThere(deps, record, signal);
  const add = begunAdd(deps, record, earlier, signal);
  const del = async (netnsPath: string): Promise<void> => {
    // A DEL that keeps failing must not keep the pod's traffic on a network that is to go.
    if (netns !== undefined && netnsPath !== '') await giveBackDefaultRoutes(deps, record, netns);
    await add.del(netnsPath);
    await deps.failpoints.hit('cniDelete:after-plugins');
  };
  let warning: StepFailure | undefined;
  try {
    await undoAdd(deps, { ...add, del }, netns, signal);
    if (netns !== undefined) warning = await putBackSysctls(deps, asBegun(record, earlier), netns);
  } finally {
    await netns?.close();
  }
  await forgetBegun(deps, record, earlier);
  return { outcome: netns === undefined ? 'sandbox-gone' : 'removed', ...(warning === undefined ? {} : { warning }) };
}

/** What was perhaps never begun must not be stuck for a plugin that is not there. */
function ignorePlugins(error: unknown): void {
  if (!(error instanceof PodwireError)) throw error;
}
