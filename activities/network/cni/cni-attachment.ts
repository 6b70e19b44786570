/** What the CNI activities share: the plugins' view of a record, and the node's memory of what was begun. */
import { podArgs } from '../../../domain/cni/cni-args.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { LinkView } from '../../../domain/vxlan/link-observation.ts';
import type { CniJournalEntry } from '../../../domain/ports/cni-journal.ts';
import type { CniCall } from '../../../domain/ports/cni-plugins.ts';
import { RECORD_VERSION, type CniAttachmentRecord, type LinkResult } from '../../../domain/records.ts';
import type { CniDeps } from '../deps.ts';
import { uidInRuntime } from '../../../domain/pod/static-pods.ts';
import type { BegunAdd } from './undo-add.ts';

/** `unreadable`: something was begun, and nobody knows what. `lost`: of what is recorded as attached the journal says nothing. */
export type Begun = CniJournalEntry | 'unreadable' | 'lost';

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
  ...(record.runtimeUid === undefined ? {} : { runtimeUid: record.runtimeUid }),
  generation: record.generation,
  bootId: record.bootId,
  call,
  basis: {
    network: record.network,
    dialect: record.dialect,
    cni: record.cni,
    definitionUid: record.definitionUid,
  },
});

/** What was begun for an attachment. What was attached before is ours to delete, also when the journal was lost. */
export async function begun(
  { journal }: CniDeps,
  { sandboxId, interfaceName, result }: CniAttachmentRecord,
): Promise<Begun | undefined> {
  try {
    return (await journal.read(sandboxId, interfaceName)) ?? (result === undefined ? undefined : 'lost');
  } catch (error) {
    if (error instanceof PodwireError && error.code === 'RecordInvalid') return 'unreadable';
    throw error;
  }
}

/** What the ADD was called with, as far as anybody knows. */
export const asBegun = (
  record: CniAttachmentRecord,
  earlier: Begun,
): CniJournalEntry | Pick<CniJournalEntry, 'call'> =>
  typeof earlier === 'object' ? earlier : { call: callOf({ ...record, ...record.madeWith }, record.netns.path) };

/** Once it is undone. What Multus keeps of it goes first: its own DEL would otherwise get addresses that are somebody else's by then. */
export async function forgetBegun(
  { journal, foreign }: Pick<CniDeps, 'journal' | 'foreign'>,
  { sandboxId, interfaceName }: Pick<CniAttachmentRecord, 'sandboxId' | 'interfaceName'>,
  earlier: Begun,
): Promise<void> {
  const file = typeof earlier === 'object' ? earlier.takenFrom : undefined;
  if (file !== undefined) await foreign.cache.remove(file, sandboxId);
  await journal.remove(sandboxId, interfaceName);
}

/** What was begun, as `undoAdd` takes it. */
export const begunAdd = (
  deps: CniDeps,
  record: CniAttachmentRecord,
  earlier: Begun,
  signal: AbortSignal,
): BegunAdd => ({
  podUid: uidInRuntime(record),
  interfaceName: record.interfaceName,
  network: record.network.name,
  made: madeBy(earlier, record),
  del: (netnsPath) => del(deps, record, earlier, netnsPath, signal),
});

/** The link that the last ADD made, as far as anybody knows: the record may still have one that was given up for it. */
export const madeBy = (earlier: Begun | undefined, { result }: CniAttachmentRecord): LinkResult | undefined =>
  typeof earlier === 'object' ? earlier.made : result;

/** DEL with exactly what its ADD was called with, as far as anybody knows, and with the result of that ADD. */
async function del(
  { plugins, store }: CniDeps,
  record: CniAttachmentRecord,
  earlier: Begun,
  netnsPath: string,
  signal: AbortSignal,
): Promise<void> {
  if (typeof earlier === 'object') return plugins.del({ ...earlier.call, netnsPath }, earlier.resultText, signal);
  const made = { ...record, ...record.madeWith };
  await plugins.del(callOf(made, netnsPath), (await store.readCniResult(record))?.text, signal);
  // The entry may have been about the ADD that comes after that DEL.
  if (earlier === 'unreadable' && record.madeWith !== undefined)
    await plugins.del(callOf(record, netnsPath), undefined, signal);
}

/** What an ADD made: the interface as the kernel has it, and what only its plugins know. @param text as they printed it */
export function madeLink(
  { plugins }: Pick<CniDeps, 'plugins'>,
  interfaceName: string,
  text: string,
  link: LinkView,
): LinkResult {
  const { dns, gateways, others, misnamed } = plugins.facts(text, interfaceName);
  return {
    ifindex: link.ifindex,
    ...(link.peerIfindex === undefined ? {} : { hostIfindex: link.peerIfindex }),
    mac: link.mac,
    mtu: link.mtu,
    addresses: link.addresses.filter(({ linkLocal }) => !linkLocal).map(({ cidr }) => cidr),
    adopted: false,
    before: 'absent',
    ...(dns === undefined ? {} : { dns }),
    ...(gateways.length === 0 ? {} : { gateways }),
    ...(others.length === 0 ? {} : { others }),
    ...(misnamed === undefined ? {} : { warning: { code: 'InterfaceMisnamed', message: misnamed } }),
  };
}
