/**
 * Entries of adopted devices that the membership does not ask for (ADR 30): somebody else's, or left over from whoever made the device.
 * They are looked at in one sweep and removed in a later one.
 */
import { fdbDifference, unknownDestinations } from '../../../domain/forwarding/fdb.ts';
import type { MembersRead } from '../../../domain/ports/node-store.ts';
import type { VxlanAttachmentRecord } from '../../../domain/records.ts';
import type { NodeDeps } from '../deps.ts';
import type { Written } from './fdb-devices.ts';
import { membershipOf, desiredForwarding } from './desired-forwarding.ts';
import { openRecorded } from '../sandbox-netns.ts';

/** Their destinations. A look: whoever acts on it looks again. Nothing when the device is not there. */
export async function unknownDestinationsOf(
  { kernel }: Pick<NodeDeps, 'kernel'>,
  record: VxlanAttachmentRecord,
  members: MembersRead,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (!members.isWhole) return [];
  const netns = await openRecorded({ kernel }, record, signal);
  try {
    const present = await kernel.readFdb(netns, record.interfaceName);
    return present === undefined
      ? []
      : unknownDestinations(present, desiredForwarding(record, membershipOf(0, members)).fdb);
  } finally {
    await netns.close();
  }
}

/** Removes those to these destinations, as far as the membership read now still does not ask for them. */
export function removeUnknownEntries(
  { kernel, store, fdb }: Pick<NodeDeps, 'kernel' | 'store' | 'fdb'>,
  record: VxlanAttachmentRecord,
  destinations: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Written> {
  return fdb.withDevice(record, async (device) => {
    const netns = await openRecorded({ kernel }, record, signal);
    try {
      const link = record.interfaceName;
      const members = await store.readMembers(record.network);
      if (!members.isWhole) return { written: 0, removed: 0 };
      const present = await kernel.readFdb(netns, link);
      const desired = desiredForwarding(record, membershipOf(0, members));
      const undesired = present === undefined ? [] : fdbDifference(present, desired.fdb).remove;
      const remove = undesired.filter(({ destination = '' }) => destinations.has(destination));
      if (remove.length === 0) return { written: 0, removed: 0 };
      device.forget();
      const [outcome] = await kernel.changeFdbs([{ netns, link, change: { add: [], remove } }]);
      if (outcome?.status === 'rejected') throw outcome.reason;
      return { written: 0, removed: remove.length };
    } finally {
      await netns.close();
    }
  });
}
