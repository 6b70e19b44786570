/** What the CNI activities share: the plugins' view of a record, and the node's memory of what was begun. */
import { podArgs } from '../../domain/cni/cni-args.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { CniJournalEntry } from '../../domain/ports/cni-journal.ts';
import type { CniCall } from '../../domain/ports/cni-plugins.ts';
import { RECORD_VERSION, type CniAttachmentRecord } from '../../domain/records.ts';
import type { CniDeps } from './deps.ts';

/** The same for ADD, CHECK and DEL of one record, but for a netns that is gone by then (empty path). */
export function callOf(record: CniAttachmentRecord, netnsPath: string): CniCall {
  const { podUid, namespace, name, sandboxId, interfaceName, network, configText, cni, dialect } = record;
  return {
    sandboxId,
    netnsPath,
    interfaceName,
    configText,
    networkName: network.name,
    capabilityArgs: cni.capabilityArgs,
    args: podArgs(dialect, { uid: podUid, namespace, name }, sandboxId, cni.args),
    ...(cni.configArgs === undefined ? {} : { configArgs: cni.configArgs }),
  };
}

export const journalEntry = (record: CniAttachmentRecord, call: CniCall): CniJournalEntry => ({
  v: RECORD_VERSION,
  podUid: record.podUid,
  generation: record.generation,
  bootId: record.bootId,
  call,
});

/** What was begun for an attachment; an entry that nobody can read still says that something was. */
export async function begun(
  { journal }: CniDeps,
  { sandboxId, interfaceName }: CniAttachmentRecord,
): Promise<CniJournalEntry | 'unreadable' | undefined> {
  try {
    return await journal.read(sandboxId, interfaceName);
  } catch (error) {
    if (error instanceof PodwireError && error.code === 'RecordInvalid') return 'unreadable';
    throw error;
  }
}
