/** Detaches one interface with the configuration of its ADD, also when its sandbox is gone: reservations outlive a netns. */
import { PodwireError } from '../../domain/failures.ts';
import type { IdentifiedNetns } from '../../domain/ports/link-kernel.ts';
import type { CniAttachmentRecord } from '../../domain/records.ts';
import { begun, callOf, del } from './cni-attachment.ts';
import { giveBackDefaultRoutes } from './default-routes.ts';
import type { CniDeps } from './deps.ts';
import { readFenced, underSandboxLock } from './fenced-record.ts';
import type { DeleteLinkInput, DeleteLinkResult } from './inputs.ts';
import { openIfThere } from './sandbox-netns.ts';

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
  try {
    // A DEL that keeps failing must not keep the pod's traffic on a network that is to go.
    if (netns !== undefined) await giveBackDefaultRoutes(deps, record, netns);
    await del(deps, record, earlier, netns === undefined ? '' : record.netns.path, signal);
    await deps.failpoints.hit('cniDelete:after-plugins');
    if (netns !== undefined) await requireGone(deps, record, netns);
  } finally {
    await netns?.close();
  }
  await deps.journal.remove(record.sandboxId, record.interfaceName);
  return { outcome: netns === undefined ? 'sandbox-gone' : 'removed' };
}

async function requireGone(deps: CniDeps, record: CniAttachmentRecord, netns: IdentifiedNetns): Promise<void> {
  if (deps.kernel.surelyLacks(netns, record.interfaceName)) return;
  const { links } = await deps.kernel.observe(netns);
  if (links.every(({ name }) => name !== record.interfaceName)) return;
  throw new PodwireError(
    'CniFailed',
    `the plugins of network ${record.network.name} report success, but interface ${record.interfaceName} is still in the pod; see the plugins' own log`,
  );
}

/** What was perhaps never begun must not be stuck for a plugin that is not there. */
function ignorePlugins(error: unknown): void {
  if (!(error instanceof PodwireError)) throw error;
}
