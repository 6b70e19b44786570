/**
 * Wakes pods whose refusal may be over: another network had the VNI, the network's other pods had another VNI, another pod had the address,
 * a file of the node was missing. A pod that is not woken stays refused for ever, because its converged record says that these inputs are done. No refusal
 * is therefore deleted here: the pod's next observation deletes it. A caller that dies in between wakes the pod once more, which does no harm.
 */
import type { Freed } from '../../domain/plan/blocked-on.ts';
import { networkKey } from '../../domain/network-selection.ts';
import type { Signals } from '../../domain/ports/cluster.ts';
import type { RecordStore, WaitingPod } from '../../domain/ports/record-store.ts';
import { tunnelOf, type AttachmentRecord } from '../../domain/records.ts';

export interface WakeDeps {
  readonly records: Pick<RecordStore, 'tunnelOwner' | 'outdatedRefusals'>;
  readonly signals: Pick<Signals, 'podChanged'>;
}

/**
 * To be called after an attachment gave up tunnels and addresses. A tunnel that other attachments of its network still use is not free.
 * @returns the pods that were woken
 */
export async function wakeAfterLeaving(
  deps: WakeDeps,
  { network, tunnels, addresses }: Freed,
): Promise<readonly WaitingPod[]> {
  const left: string[] = [];
  for (const tunnel of tunnels) {
    if ((await deps.records.tunnelOwner(tunnel)) !== networkKey(network)) left.push(tunnel);
  }
  // The attachment may have been the last one that kept other pods of its network from changing to another tunnel.
  return tunnels.length + addresses.length === 0 ? [] : wakeWaiting(deps, { network, tunnels: left, addresses });
}

/** Wakes every pod that waits in vain. @param freed absent: the caller does not know any more what it freed */
export async function wakeWaiting({ records, signals }: WakeDeps, freed?: Freed): Promise<readonly WaitingPod[]> {
  const pods = await records.outdatedRefusals(freed);
  for (const { reason, ...pod } of pods) await signals.podChanged(pod, reason);
  return pods;
}

/** Every tunnel that an attachment holds: the attachment's own, and those of the link that it replaces. */
export const tunnelsOf = (record: AttachmentRecord): readonly string[] =>
  record.kind === 'vxlan' ? [tunnelOf(record), ...(record.replaces ?? [])] : [];
