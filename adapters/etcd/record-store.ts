/** `RecordStore` on etcd: every write that matters is one transaction on mod-revisions (decisions 2 and 9). */
import * as keys from '../../domain/keys.ts';
import { networkKey } from '../../domain/network-selection.ts';
import type { IntentOutcome, PodRecords, RecordStore } from '../../domain/ports/record-store.ts';
import {
  RECORD_VERSION,
  tunnelOf,
  type AttachmentRecord,
  type LinkResult,
  type MemberRecord,
  type RefusalRecord,
  type Stored,
  type VxlanAttachmentRecord,
} from '../../domain/records.ts';
import type { Condition, Entry, Etcd, Operation } from './client.ts';
import {
  attachmentSchema,
  failureSchema,
  markSchema,
  memberSchema,
  parseEntry,
  refusalSchema,
  sandboxSchema,
} from './schemas.ts';
import { leaveReplaced, leaveVni, replacedKeys, STAYS, witnessIsGone, type Leaving } from './vni-reservation.ts';

/** Users of one VNI that go at once may each lose their witness a few times. */
const MAX_REMOVE_ATTEMPTS = 8;

export function createRecordStore(etcd: Etcd): RecordStore {
  return {
    mark: async (podUid) =>
      parseOptional(await etcd.get(keys.markKey(podUid)), (entry) => parseEntry(markSchema, entry)),
    putMark: async (podUid, mark) => put(etcd, keys.markKey(podUid), mark),
    deleteMark: (podUid) => removeIfPresent(etcd, keys.markKey(podUid)),

    pod: (podUid, node) => readPod(etcd, podUid, node),
    attachment: async (key) => parseOptional(await etcd.get(key), storedAttachment),
    sandbox: async (node, podUid) =>
      parseOptional(await etcd.get(keys.sandboxKey(node, podUid)), (entry) => parseEntry(sandboxSchema, entry)),
    putSandbox: (node, record) => put(etcd, keys.sandboxKey(node, record.podUid), record),

    putRefusal: (podUid, refusal) => put(etcd, keys.refusalKey(podUid, refusal.interfaceName), refusal),
    deleteRefusals: (podUid) => removeAll(etcd, keys.podRefusalsPrefix(podUid)),

    recordIntent: (record, previous) => recordIntent(etcd, record, previous),
    recordResult: (stored, result, member) => recordResult(etcd, stored, result, member),
    beginRemoval: (stored) => beginRemoval(etcd, stored),
    beginRepair: (stored) => beginRepair(etcd, stored),
    putFailure: (podUid, failure) => put(etcd, keys.failureKey(podUid, failure.interfaceName), failure),
    deleteFailures: (podUid) => removeAll(etcd, keys.podFailuresPrefix(podUid)),
    forget: (stored) => forget(etcd, stored),
    vniIsFree: async (dstPort, vni) => (await etcd.get(keys.vniKey(dstPort, vni))) === undefined,
    takeWaitingForVni: (dstPort, vni) => takeWaitingForVni(etcd, `${dstPort}/${vni}`),

    members: async (network) => {
      const prefix = keys.membersPrefix(network);
      const { entries } = await etcd.list(prefix);
      return entries.map((entry) => ({
        ...parseEntry(memberSchema, entry),
        podUid: entry.key.slice(prefix.length).split('/')[0] ?? '',
      }));
    },
    putMeshState: (network, state) =>
      state === undefined
        ? removeIfPresent(etcd, keys.meshStateKey(network))
        : put(etcd, keys.meshStateKey(network), { v: RECORD_VERSION, ...state }),

    entomb: (stored) => entomb(etcd, stored),
  };
}

const put = async (etcd: Etcd, key: string, value: unknown): Promise<void> => {
  await etcd.transact([], [putOperation(key, value)]);
};
const putOperation = (key: string, value: unknown): Operation => ({ put: key, value: JSON.stringify(value) });
const unchanged = (stored: Stored<unknown>): Condition => ({
  key: stored.key,
  is: 'unchanged',
  modRevision: stored.modRevision,
});
const failureKeyOf = (record: AttachmentRecord): string => keys.failureKey(record.podUid, record.interfaceName);
const podNodeKeyOf = (record: AttachmentRecord): string => keys.podNodeKey(record.podUid, record.node);

function parseOptional<T>(entry: Entry | undefined, parse: (entry: Entry) => T): T | undefined {
  return entry === undefined ? undefined : parse(entry);
}

function storedAttachment(entry: Entry): Stored<AttachmentRecord> {
  return { key: entry.key, value: parseEntry(attachmentSchema, entry), modRevision: entry.modRevision };
}

/** A delete costs a disk write also where there is nothing to delete; most keys asked for are absent. */
async function removeIfPresent(etcd: Etcd, key: string): Promise<void> {
  await etcd.transact([{ key, is: 'present' }], [{ remove: key }]);
}

async function removeAll(etcd: Etcd, prefix: string): Promise<void> {
  for (const key of await etcd.keys(prefix)) await etcd.transact([], [{ remove: key }]);
}

async function readPod(etcd: Etcd, podUid: string, node: string): Promise<PodRecords> {
  const nodesPrefix = keys.podNodesPrefix(podUid);
  const [nodes = [], refusals = [], failures = [], here = [], sandbox = []] = await etcd.read([
    { prefix: nodesPrefix },
    { prefix: keys.podRefusalsPrefix(podUid) },
    { prefix: keys.podFailuresPrefix(podUid) },
    ...(node === ''
      ? []
      : [{ prefix: keys.podAttachmentsPrefix(node, podUid) }, { key: keys.sandboxKey(node, podUid) }]),
  ]);
  const others = nodes.map(({ key }) => key.slice(nodesPrefix.length)).filter((name) => name !== node);
  const elsewhere =
    others.length === 0
      ? []
      : await etcd.read(others.map((name) => ({ prefix: keys.podAttachmentsPrefix(name, podUid) })));
  return {
    attachments: [...here, ...elsewhere.flat()].map(storedAttachment),
    sandbox: parseOptional(sandbox[0], (entry) => parseEntry(sandboxSchema, entry)),
    refusals: refusals.map((entry) => parseEntry(refusalSchema, entry)),
    failures: failures.map((entry) => parseEntry(failureSchema, entry)),
  };
}

async function recordIntent(
  etcd: Etcd,
  record: AttachmentRecord,
  previous?: Stored<AttachmentRecord>,
): Promise<IntentOutcome> {
  if (record.kind === 'cni') return recordPlainIntent(etcd, record, previous);
  const { network, link, podUid } = record;
  const key = keys.attachmentKey(record);
  const vniKey = keys.vniKey(link.dstPort, link.vni);
  const ownUser = keys.userKey(network, podUid, link.interfaceName);
  const usersPrefix = keys.usersPrefix(network);
  const [[reservation] = [], users = []] = await etcd.read([{ key: vniKey }, { prefix: usersPrefix }]);

  const owner = networkKey(network);
  const tunnel = tunnelOf(record);
  if (reservation !== undefined && reservation.value !== owner)
    return { kind: 'vni-taken', tunnel, owner: reservation.value };
  // A declared network follows its declaration; one that only pods name keeps the VNI its first member gave it.
  const foreign = users.find((user) => !user.key.startsWith(`${usersPrefix}${podUid}/`) && user.value !== tunnel);
  if (network.scope !== 'cluster' && foreign !== undefined) return { kind: 'vni-fixed', inUse: foreign.value };

  const value = JSON.stringify(record);
  const { applied, revision } = await etcd.transact(
    [
      previous === undefined ? { key, is: 'absent' } : unchanged(previous),
      reservation === undefined ? { key: vniKey, is: 'absent' } : { key: vniKey, is: 'equal', value: owner },
    ],
    [
      { put: key, value },
      { put: vniKey, value: owner },
      { put: ownUser, value: tunnel },
      ...heldWhileReplaced(record, previous?.value),
      { put: podNodeKeyOf(record), value: '' },
    ],
  );
  return applied ? { kind: 'recorded', stored: { key, value: record, modRevision: revision } } : { kind: 'raced' };
}

/** What the replaced link has may still be in use on the host: its ids stay held. */
function heldWhileReplaced(record: VxlanAttachmentRecord, previous: AttachmentRecord | undefined): Operation[] {
  const held = replacedKeys(record);
  const before = previous?.kind === 'vxlan' ? replacedKeys(previous) : [];
  return [
    ...held.map((key, index): Operation => ({ put: key, value: record.replaces?.[index] ?? '' })),
    ...before.filter((key) => !held.includes(key)).map((key): Operation => ({ remove: key })),
  ];
}

/** An intent that reserves nothing. */
async function recordPlainIntent(
  etcd: Etcd,
  record: AttachmentRecord,
  previous?: Stored<AttachmentRecord>,
): Promise<IntentOutcome> {
  const key = keys.attachmentKey(record);
  const { applied, revision } = await etcd.transact(
    [previous === undefined ? { key, is: 'absent' } : unchanged(previous)],
    [putOperation(key, record), { put: podNodeKeyOf(record), value: '' }],
  );
  return applied ? { kind: 'recorded', stored: { key, value: record, modRevision: revision } } : { kind: 'raced' };
}

async function recordResult(
  etcd: Etcd,
  stored: Stored<AttachmentRecord>,
  result: LinkResult,
  member: MemberRecord | undefined,
): Promise<boolean> {
  const record = stored.value;
  const attached: AttachmentRecord = { ...withoutReplaced(record), phase: 'attached', result };
  const left = record.kind === 'vxlan' ? await leaveReplaced(etcd, record) : [];
  const { applied } = await etcd.transact(
    [unchanged(stored), ...left.flatMap(({ conditions }) => conditions)],
    [
      putOperation(stored.key, attached),
      ...left.flatMap(({ operations }) => operations),
      ...(member === undefined
        ? []
        : [putOperation(keys.memberKey(record.network, record.podUid, record.interfaceName), member)]),
      { remove: failureKeyOf(record) },
    ],
  );
  return applied;
}

function withoutReplaced(record: AttachmentRecord): AttachmentRecord {
  const rest: { replaces?: readonly string[] } & AttachmentRecord = { ...record };
  delete rest.replaces;
  return rest;
}

async function beginRemoval(
  etcd: Etcd,
  stored: Stored<AttachmentRecord>,
): Promise<Stored<AttachmentRecord> | undefined> {
  const record = stored.value;
  const removing: AttachmentRecord = { ...record, phase: 'removing', generation: record.generation + 1 };
  const member = await memberOf(etcd, record);
  const { applied, revision } = await etcd.transact(
    [unchanged(stored)],
    [putOperation(stored.key, removing), ...(member === undefined ? [] : [{ remove: member }])],
  );
  return applied ? { key: stored.key, value: removing, modRevision: revision } : undefined;
}

/** What was recorded of the link stays: it is still ours to remove. */
async function beginRepair(
  etcd: Etcd,
  stored: Stored<AttachmentRecord>,
): Promise<Stored<AttachmentRecord> | undefined> {
  const record = stored.value;
  const intent: AttachmentRecord = { ...record, phase: 'intent', generation: record.generation + 1 };
  const { applied, revision } = await etcd.transact([unchanged(stored)], [putOperation(stored.key, intent)]);
  return applied ? { key: stored.key, value: intent, modRevision: revision } : undefined;
}

/** The membership key if it is this attachment's: a sandbox made anew may have joined under the same key already. */
async function memberOf(etcd: Etcd, record: AttachmentRecord): Promise<string | undefined> {
  if (record.kind === 'cni') return undefined;
  const key = keys.memberKey(record.network, record.podUid, record.interfaceName);
  const entry = await etcd.get(key);
  if (entry === undefined) return undefined;
  return parseEntry(memberSchema, entry).sandboxId === record.sandboxId ? key : undefined;
}

const forget = (etcd: Etcd, stored: Stored<AttachmentRecord>): Promise<boolean> => remove(etcd, stored, []);

async function entomb(etcd: Etcd, stored: Stored<AttachmentRecord>): Promise<boolean> {
  const { value } = stored;
  const tombstone = `${keys.tombstonesPrefix(value.node)}${value.podUid}/${value.sandboxId}/${value.interfaceName}`;
  const member = await memberOf(etcd, value);
  return remove(etcd, stored, [putOperation(tombstone, value), ...(member === undefined ? [] : [{ remove: member }])]);
}

/** Removes a record with all that goes with it; false: it was changed by somebody else, or something that would go is needed again. */
async function remove(etcd: Etcd, stored: Stored<AttachmentRecord>, more: readonly Operation[]): Promise<boolean> {
  for (let attempt = 1; ; attempt += 1) {
    const { conditions, operations, leaving } = await withoutIndex(etcd, stored);
    const { applied } = await etcd.transact(
      [unchanged(stored), ...conditions],
      [{ remove: stored.key }, ...operations, ...more],
    );
    if (applied) return true;
    const gone = await Promise.all(leaving.map((each) => witnessIsGone(etcd, each)));
    if (attempt === MAX_REMOVE_ATTEMPTS || !gone.includes(true)) return false;
  }
}

interface Index {
  readonly conditions: readonly Condition[];
  readonly operations: readonly Operation[];
  readonly leaving: readonly Leaving[];
}

/** What goes with a record: its failure, the index keys that no other record of the pod needs, and a VNI that nobody else uses. */
async function withoutIndex(etcd: Etcd, stored: Stored<AttachmentRecord>): Promise<Index> {
  const record = stored.value;
  const { interfaceName } = record;
  // The index keys are read before the records: an intent that comes in between writes them again, and the removal fails.
  const [[nodeEntry] = [], [userEntry] = []] = await etcd.read([
    { key: podNodeKeyOf(record) },
    ...(record.kind === 'cni' ? [] : [{ key: keys.userKey(record.network, record.podUid, interfaceName) }]),
  ]);
  const { attachments } = await readPod(etcd, record.podUid, record.node);
  const others = attachments.filter((other) => other.key !== stored.key);
  const sameUser = others.some(
    ({ value }) =>
      value.kind === record.kind &&
      networkKey(value.network) === networkKey(record.network) &&
      value.interfaceName === interfaceName,
  );
  const sameNode = others.some(({ value }) => value.node === record.node);
  const unused = [sameUser ? undefined : userEntry, sameNode ? undefined : nodeEntry].filter(
    (entry) => entry !== undefined,
  );
  const leaving =
    sameUser || record.kind === 'cni'
      ? [STAYS]
      : [await leaveVni(etcd, record, tunnelOf(record)), ...(await leaveReplaced(etcd, record))];
  return {
    conditions: [
      ...unused.map((entry): Condition => ({ key: entry.key, is: 'unchanged', modRevision: entry.modRevision })),
      ...leaving.flatMap(({ conditions }) => conditions),
    ],
    operations: [
      { remove: failureKeyOf(record) },
      ...(record.kind === 'cni' ? [{ remove: keys.cniResultKey(record) }] : []),
      ...unused.map((entry) => ({ remove: entry.key })),
      ...leaving.flatMap(({ operations }) => operations),
    ],
    leaving,
  };
}

async function takeWaitingForVni(etcd: Etcd, tunnel: string): Promise<(RefusalRecord & { podUid: string })[]> {
  const prefix = keys.refusalsPrefix();
  const { entries } = await etcd.list(prefix);
  const waiting = entries
    .map((entry) => ({ entry, refusal: parseEntry(refusalSchema, entry) }))
    .filter(({ refusal }) => refusal.waitsForVni === tunnel);
  for (const { entry } of waiting) await etcd.transact([], [{ remove: entry.key }]);
  return waiting.map(({ entry, refusal }) => ({
    ...refusal,
    podUid: entry.key.slice(prefix.length).split('/')[0] ?? '',
  }));
}
