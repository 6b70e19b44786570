/**
 * Wakes pods that were refused because another network had the VNI, or for what else is otherwise by now. A pod that was passed over would
 * stay refused for ever, for its mark says that these inputs are done. So nothing is forgotten here: the refusal goes with the pod's next
 * observation, and whoever dies before that wakes the pod once more, which does no harm.
 */
import { networkKey, type NetworkRef } from '../../domain/network-selection.ts';
import type { Signals } from '../../domain/ports/cluster.ts';
import type { RecordStore, WaitingPod } from '../../domain/ports/record-store.ts';
import { tunnelOf, type AttachmentRecord } from '../../domain/records.ts';

export interface WakeDeps {
  readonly records: Pick<RecordStore, 'tunnelOwner' | 'outdatedRefusals'>;
  readonly signals: Pick<Signals, 'podChanged'>;
}

/**
 * After an attachment of the network gave up these tunnels (`port/id`); one that others of it still use is not free.
 * @returns the pods that were woken
 */
export async function wakeAfterLeaving(
  deps: WakeDeps,
  network: NetworkRef,
  tunnels: readonly string[],
): Promise<readonly WaitingPod[]> {
  const left: string[] = [];
  for (const tunnel of tunnels) {
    if ((await deps.records.tunnelOwner(tunnel)) !== networkKey(network)) left.push(tunnel);
  }
  return left.length === 0 ? [] : wakeWaiting(deps, left);
}

/** Wakes every pod that waits in vain: for a caller that does not know any more what it freed. */
export async function wakeWaiting(
  { records, signals }: WakeDeps,
  tunnels?: readonly string[],
): Promise<readonly WaitingPod[]> {
  const pods = await records.outdatedRefusals(tunnels);
  for (const { reason, ...pod } of pods) await signals.podChanged(pod, reason);
  return pods;
}

/** Every tunnel that an attachment holds: its own, and those of the link that it replaces. */
export const tunnelsOf = (record: AttachmentRecord): readonly string[] =>
  record.kind === 'vxlan' ? [tunnelOf(record), ...(record.replaces ?? [])] : [];
