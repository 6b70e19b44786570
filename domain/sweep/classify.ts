/**
 * From a snapshot of a node to findings. Pure: what it says of one look is a suspicion, which a second look has to confirm.
 *
 * The snapshot's parts have to be read in this order: journal, reservations and links before records. What has been made in between then
 * has its record, since the record comes first.
 */
import { attachmentKey } from '../keys.ts';
import { ownerOf } from '../vxlan/link-alias.ts';
import type { NetnsView } from '../vxlan/link-observation.ts';
import type { PodIdentity } from '../pod/pod-view.ts';
import type { CacheFile, Reservation } from '../ports/cni-leftovers.ts';
import type { CniJournalEntry } from '../ports/cni-journal.ts';
import type { AttachmentRecord, Stored } from '../records.ts';
import { uidInRuntime } from '../pod/static-pods.ts';
import { driftOf, isLeftToPod, onlyMacDiffers } from './drift.ts';
import { shortWhy, type Finding } from './finding.ts';

export interface ObservedSandbox {
  readonly sandboxId: string;
  readonly pod: PodIdentity;
  readonly view: NetnsView;
}

export interface NodeSnapshot {
  readonly node: string;
  readonly bootId: string;
  readonly journal: readonly CniJournalEntry[];
  /** File names. */
  readonly unreadable: readonly string[];
  readonly reservations: readonly Reservation[];
  readonly cacheFiles: readonly CacheFile[];
  readonly sandboxes: readonly ObservedSandbox[];
  readonly records: readonly Stored<AttachmentRecord>[];
  readonly tombstones: readonly Stored<AttachmentRecord>[];
  /** Sandbox ids that the runtime knows, by whether they are Ready. */
  readonly runtime: ReadonlyMap<string, 'ready' | 'not-ready'>;
  /** What CHECK said where it failed, by `checkKey`. */
  readonly checks: ReadonlyMap<string, string>;
  /** Of adopted links, by `checkKey`. */
  readonly strangers: ReadonlyMap<string, Strangers>;
  /** False: records may be missing that are about to be written back, so that nothing is left over for want of one. */
  readonly isWhole: boolean;
  /** Name under which a pod's interface is made. */
  readonly temporaryName: (podUid: string, interfaceName: string) => string;
}

/** Where forwarding entries of an adopted link lead to that no member has. */
export interface Strangers {
  /** An earlier sweep found them as well, and told the pod's owner. */
  readonly told: readonly string[];
  readonly fresh: readonly string[];
}

export const checkKey = (sandboxId: string, interfaceName: string): string => `${sandboxId}/${interfaceName}`;

/** What can be acted on comes first. */
export function classify(snapshot: NodeSnapshot): Finding[] {
  return [
    ...(snapshot.isWhole ? [...orphanLinks(snapshot), ...orphanJournal(snapshot)] : []),
    ...strangers(snapshot),
    ...driftFindings(snapshot),
    ...unattended(snapshot),
    ...reservations(snapshot),
    ...cacheFiles(snapshot),
    ...snapshot.unreadable.map((file): Finding => ({
      ...{ id: `unreadable/${file}`, kind: 'unreadable', action: 'report', where: `journal entry ${file}`, owner: '' },
      why: 'it cannot be read; once nothing of that attachment is left on the node, remove the file',
    })),
  ];
}

function orphanLinks({ sandboxes, records, temporaryName }: NodeSnapshot): Finding[] {
  return sandboxes.flatMap(({ sandboxId, pod, view }) => {
    const own = records.map(({ value }) => value).filter((record) => record.sandboxId === sandboxId);
    const names = new Set(
      own.flatMap((record) =>
        record.kind === 'vxlan'
          ? [record.interfaceName, temporaryName(uidInRuntime(record), record.interfaceName)]
          : [],
      ),
    );
    return view.links
      .filter((link) => ownerOf(link.alias)?.podUid === pod.uid && !names.has(link.name))
      .map((link): Finding => ({
        ...{ id: `link/${sandboxId}/${link.name}/${link.ifindex}`, kind: 'link', action: 'remove', pod },
        where: `${link.name} in ${short(sandboxId)}`,
        owner: nameOf(pod),
        why: "carries podwire's alias, and no record owns it",
      }));
  });
}

function orphanJournal({ node, journal, records, tombstones, sandboxes }: NodeSnapshot): Finding[] {
  const owned = new Set(
    [...records, ...tombstones]
      .filter(({ value }) => value.kind === 'cni')
      .map(({ value: { podUid, sandboxId, interfaceName } }) =>
        attachmentKey({ node, podUid, sandboxId, interfaceName }),
      ),
  );
  return journal
    .filter(
      ({ podUid, call: { sandboxId, interfaceName } }) =>
        !owned.has(attachmentKey({ node, podUid, sandboxId, interfaceName })),
    )
    .map((entry): Finding => {
      const { podUid, generation, call } = entry;
      const { sandboxId, interfaceName, networkName, args } = call;
      // Its pod's run, told in time, may want it back.
      const sandbox = sandboxes.find(({ sandboxId: id, pod }) => id === sandboxId && pod.uid === uidInRuntime(entry));
      const living = sandbox === undefined ? undefined : { ...sandbox.pod, uid: podUid };
      const argument = (key: string): string => args.find(([name]) => name === key)?.[1] ?? '';
      return {
        ...{ id: `journal/${sandboxId}/${interfaceName}/${generation}`, kind: 'journal', action: 'remove' },
        where: `${interfaceName} in ${short(sandboxId)}`,
        owner: living === undefined ? `${argument('K8S_POD_NAMESPACE')}/${argument('K8S_POD_NAME')}` : nameOf(living),
        why: `CNI network ${networkName} was begun, and no record owns it`,
        ...(living === undefined ? {} : { pod: living }),
      };
    });
}

/** What fits into an event and a history; the next sweep takes on the rest. */
const MAX_STRANGERS = 32;

function strangers({ records, strangers: found }: NodeSnapshot): Finding[] {
  return records.flatMap((stored) => {
    const { told = [], fresh = [] } = found.get(checkKey(stored.value.sandboxId, stored.value.interfaceName)) ?? {};
    return [...strangerOf(stored, told, 'remove'), ...strangerOf(stored, fresh, 'report')];
  });
}

function strangerOf(stored: Stored<AttachmentRecord>, all: readonly string[], action: 'remove' | 'report'): Finding[] {
  if (all.length === 0) return [];
  const addresses = all.slice(0, MAX_STRANGERS);
  const more = all.length > addresses.length ? ` and ${all.length - addresses.length} more` : '';
  const why = `forwarding entries to addresses that no member has: ${addresses.join(', ')}${more}`;
  const { id, ...finding } = ofRecord('stranger', action, stored, why);
  return [{ ...finding, id: `${id}/${addresses.join(',')}`, addresses }];
}

type LinksAndRecords = Pick<NodeSnapshot, 'bootId' | 'sandboxes' | 'records' | 'journal' | 'checks'>;

/** Attached interfaces that differ from their records, of the sandboxes that were looked at. */
export function driftFindings({ bootId, sandboxes, records, journal, checks }: LinksAndRecords): Finding[] {
  const byId = new Map(sandboxes.map((sandbox) => [sandbox.sandboxId, sandbox]));
  const begun = new Map(journal.map((entry) => [checkKey(entry.call.sandboxId, entry.call.interfaceName), entry]));
  return records.flatMap((stored) => {
    const { value: record } = stored;
    const sandbox = byId.get(record.sandboxId);
    if (sandbox === undefined || record.bootId !== bootId || record.phase !== 'attached') return [];
    if (isLeftToPod(record, sandbox.view)) return [];
    const key = checkKey(record.sandboxId, record.interfaceName);
    const entry = begun.get(key);
    const other =
      record.kind === 'cni' && entry !== undefined && entry.generation !== record.generation
        ? [`the node made it as generation ${entry.generation}, recorded is ${record.generation}`]
        : [];
    const why = [...driftOf(record, sandbox.view, checks.get(key)), ...other];
    if (why.length === 0) return [];
    const told = why.length === 1 && onlyMacDiffers(record, sandbox.view);
    return told
      ? [{ ...ofRecord('drift', 'report', stored, `${why.join('; ')}, which podwire leaves as it is`), repairs: 0 }]
      : [ofRecord('drift', 'repair', stored, why.join('; '))];
  });
}

/** An attachment that is as it was recorded, and whose status says otherwise. */
export const driftOver = (stored: Stored<AttachmentRecord>): Finding => {
  const { id, ...finding } = ofRecord(
    'record',
    'tell',
    stored,
    'its status says that drift remains, and there is none',
  );
  return { ...finding, id: `over/${id}`, over: true };
};

/**
 * Forwarding entries of an attachment that somebody changed, and that are as they should be again.
 * @param at tells this change from others of the same attachment
 */
export const forwardingRestored = (stored: Stored<AttachmentRecord>, why: string, at: string): Finding => {
  const { id, ...finding } = ofRecord('forwarding', 'report', stored, why);
  return { ...finding, id: `${id}/${at}` };
};

/** Records that wait for somebody: whether a run works on them is not known on the node. */
function unattended({ records, runtime }: NodeSnapshot): Finding[] {
  return records.flatMap((stored) => {
    const { phase, sandboxId } = stored.value;
    const state = runtime.get(sandboxId);
    if (state !== 'ready') {
      const why = state === undefined ? 'the container runtime does not know its sandbox' : 'its sandbox has ended';
      return [ofRecord('record', 'tell', stored, why)];
    }
    if (phase === 'attached') return [];
    return [ofRecord('record', 'tell', stored, `it is in phase ${phase}`)];
  });
}

function reservations({ runtime, records, journal, reservations: found }: NodeSnapshot): Finding[] {
  const ours = new Set([...records.map(({ value }) => value.sandboxId), ...journal.map(({ call }) => call.sandboxId)]);
  return found
    .filter(({ sandboxId }) => !runtime.has(sandboxId) && !ours.has(sandboxId))
    .map(({ network, address, sandboxId, interfaceName }): Finding => ({
      ...{ id: `reservation/${network}/${address}/${sandboxId}`, kind: 'reservation', action: 'report', foreign: true },
      where: `${address} of CNI network ${network}`,
      owner: sandboxId === '' ? '' : `${short(sandboxId)} ${interfaceName}`.trim(),
      why:
        sandboxId === ''
          ? 'host-local reserved it and its file is empty'
          : 'host-local reserved it for a sandbox that the container runtime does not know',
    }));
}

function cacheFiles({ runtime, cacheFiles: found }: NodeSnapshot): Finding[] {
  return found
    .filter(({ sandboxId }) => !runtime.has(sandboxId))
    .map(({ file, sandboxId, interfaceName, network }): Finding => ({
      ...{ id: `cache-file/${file}`, kind: 'cache-file', action: 'report', foreign: true },
      where: file,
      owner: `${short(sandboxId)} ${interfaceName}`.trim(),
      why: `libcni's cache of network ${network}, for a sandbox that the container runtime does not know`,
    }));
}

function ofRecord(
  kind: 'drift' | 'record' | 'stranger' | 'forwarding',
  action: 'repair' | 'tell' | 'remove' | 'report',
  { value, modRevision }: Stored<AttachmentRecord>,
  why: string,
): Finding {
  const { node, sandboxId, interfaceName, generation } = value;
  const pod = { uid: value.podUid, namespace: value.namespace, name: value.name };
  return {
    ...{ id: `${kind}/${pod.uid}/${sandboxId}/${interfaceName}/${generation}/${modRevision}`, kind, action, pod },
    where: `${interfaceName} in ${short(sandboxId)}`,
    owner: nameOf(pod),
    why: shortWhy(why),
    attachment: { node, sandboxId, interfaceName, generation, modRevision },
  };
}

const nameOf = ({ namespace, name }: PodIdentity): string => `${namespace}/${name}`;

/** As container tools show ids. */
const short = (sandboxId: string): string => sandboxId.slice(0, 13);
