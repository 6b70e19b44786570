/**
 * A static pod's mirror can be made anew in the API while the pod runs on: another UID, the same sandbox. What the earlier one had is taken
 * away by its own run; until then nothing is made beside it.
 */
import { PodwireError } from '../../domain/failures.ts';
import type { NodeStore } from '../../domain/ports/node-store.ts';
import type { AttachmentRecord } from '../../domain/records.ts';

/** @throws PodwireError SandboxBusy, EtcdUnavailable */
export async function requireNoPredecessor(
  { store }: { readonly store: Pick<NodeStore, 'listNodeAttachments'> },
  { node, podUid, runtimeUid, sandboxId }: AttachmentRecord,
): Promise<void> {
  if (runtimeUid === undefined) return;
  const left = (await store.listNodeAttachments(node)).find(
    ({ value }) => value.sandboxId === sandboxId && value.podUid !== podUid,
  );
  if (left === undefined) return;
  throw new PodwireError(
    'SandboxBusy',
    `sandbox ${sandboxId} still has ${left.value.interfaceName} of pod object ${left.value.podUid}, which was there before; that is taken away first`,
  );
}
