/** `RecordStore` on etcd: every write that matters is one transaction on mod-revisions (ADR 35). */
import { isTakenFrom, waitsForAny } from '../../domain/plan/blocked-on.ts';
import type { SharedIdentity } from '../../domain/cni/identities.ts';
import * as keys from '../../domain/keys.ts';
import { lastGoodOf, takenBack, withoutPast } from '../../domain/plan/last-good.ts';
import { isOfObject } from '../../domain/network-objects/network-object.ts';
import { CLUSTER_SCOPE, networkKey } from '../../domain/network-selection.ts';
import type { IntentOutcome, RecordStore } from '../../domain/ports/record-store.ts';
import {
  tunnelOf,
  type AttachmentRecord,
  type LinkResult,
  type MemberRecord,
  type Stored,
  type VxlanAttachmentRecord,
} from '../../domain/records.ts';
import { DRIFT_REMAINS } from '../../domain/sweep/remaining-drift.ts';
import { addressKeys, releaseAddresses, reserveAddresses, takenAddress, type Change } from './address-reservation.ts';
import type { Condition, Entry, Etcd, Operation } from './client.ts';
import { changeIdentities, leftIdentities, sharedIdentities } from './cni-identities.ts';
import { readMesh } from './mesh-records.ts';
import { networkUsers, userHoldingBack } from './network-users.ts';
import { inAnotherSandbox, whileUnchanged } from './next-sandbox.ts';
import { readPod, readPodUnmarked } from './pod-records.ts';
import {
  failureKeyOf,
  memberOf,
  parseOptional,
  podNodeKeyOf,
  podUidBelow,
  putOperation,
  storedAttachment,
  unchanged,
} from './record-entries.ts';
import { entomb, forget } from './record-removal.ts';
import { failureSchema, memberSchema, nodeConfigsSchema, parseEntry, refusalSchema, sandboxSchema } from './schemas.ts';
import { leaveReplaced, replacedKeys } from './vni-reservation.ts';
import { listOutdatedRefusals } from './waiting-refusals.ts';

export function createRecordStore(etcd: Etcd): RecordStore {
  return {
    putConverged: async (podUid, converged) => put(etcd, keys.convergedKey(podUid), converged),
    pod: (podUid, node) => readPod(etcd, podUid, node),
    podUnmarked: (podUid, node) => readPodUnmarked(etcd, podUid, node),
    attachment: async (key) => parseOptional(await etcd.get(key), storedAttachment),
    sandbox: async (node, podUid) =>
      parseOptional(await etcd.get(keys.sandboxKey(node, podUid)), (entry) => parseEntry(sandboxSchema, entry)),
    nodeConfigs: async (node) =>
      parseOptional(await etcd.get(keys.nodeConfigsKey(node)), (entry) => parseEntry(nodeConfigsSchema, entry)),

    putRefusal: (podUid, refusal) => put(etcd, keys.refusalKey(podUid, refusal.interfaceName), refusal),
    deleteRefusals: (podUid) => removeAll(etcd, keys.podRefusalsPrefix(podUid)),
    deleteRefusal: async (podUid, { interfaceName, modRevision }) => {
      const key = keys.refusalKey(podUid, interfaceName);
      await etcd.transact([{ key, is: 'unchanged', modRevision }], [{ remove: key }]);
    },

    recordIntent: (record, previous, isClaimed = false) =>
      record.kind === 'cni'
        ? recordPlainIntent(etcd, record, previous)
        : recordIntent(etcd, record, previous, isClaimed),
    takeBackIntent: (stored) => takeBackIntent(etcd, stored),
    recordResult: (stored, result, member) => recordResult(etcd, stored, result, member),
    beginRemoval: (stored) => beginRemoval(etcd, stored),
    beginRepair: (stored) => beginRepair(etcd, stored),
    putFailure: (podUid, failure) => put(etcd, keys.failureKey(podUid, failure.interfaceName), failure),
    deleteRemainingDrift: (podUid, interfaceName) => deleteRemainingDrift(etcd, keys.failureKey(podUid, interfaceName)),
    deleteFailures: (podUid) => removeAll(etcd, keys.podFailuresPrefix(podUid)),
    forget: (stored) => forget(etcd, stored),
    tunnelOwner: async (tunnel) => (await etcd.get(keys.tunnelKey(tunnel)))?.value,
    isHeldBack: async (network, podUid, tunnel) => {
      const { entries } = await etcd.list(keys.usersPrefix(network));
      const users = networkUsers(network, entries);
      return (await userHoldingBack(etcd, { network, podUid, tunnel }, users)) !== undefined;
    },
    addressHolder: async (network, address) => (await etcd.get(keys.addressKey(network, address)))?.value,
    sharedIdentities: (record) => sharedIdentities(etcd, record),
    outdatedRefusals: (freed) => listOutdatedRefusals(etcd, freed && ((refusal) => waitsForAny(refusal, freed))),

    members: async (network) => {
      const prefix = keys.membersPrefix(network);
      const { entries } = await etcd.list(prefix);
      return entries.map((entry) => ({
        ...parseEntry(memberSchema, entry),
        podUid: podUidBelow(prefix, entry),
      }));
    },
    nodeMembers: async () => {
      const prefix = keys.nodeMembersPrefix();
      return (await etcd.keys(prefix)).map((key) => key.slice(prefix.length));
    },
    mesh: async (network) => (await readMesh(etcd, network))?.value,
    putMesh: (network, mesh) =>
      mesh === undefined
        ? removeIfPresent(etcd, keys.meshStateKey(network))
        : put(etcd, keys.meshStateKey(network), mesh),

    entomb: (stored) => entomb(etcd, stored),
  };
}

/** A transaction fails once for each other pod that takes one of the same identities meanwhile. */
const MAX_RESULT_ATTEMPTS = 4;

const put = async (etcd: Etcd, key: string, value: unknown): Promise<void> => {
  await etcd.transact([], [putOperation(key, value)]);
};
/** A delete costs a disk write also where there is nothing to delete; most keys asked for are absent. */
async function removeIfPresent(etcd: Etcd, key: string): Promise<void> {
  await etcd.transact([{ key, is: 'present' }], [{ remove: key }]);
}

/** A step's failure that was noted meanwhile stays. */
async function deleteRemainingDrift(etcd: Etcd, key: string): Promise<void> {
  const entry = await etcd.get(key);
  if (entry === undefined || parseEntry(failureSchema, entry).code !== DRIFT_REMAINS) return;
  await etcd.transact([unchanged(entry)], [{ remove: key }]);
}

async function removeAll(etcd: Etcd, prefix: string): Promise<void> {
  for (const key of await etcd.keys(prefix)) await etcd.transact([], [{ remove: key }]);
}

async function recordIntent(
  etcd: Etcd,
  record: VxlanAttachmentRecord,
  previous: Stored<AttachmentRecord> | undefined,
  isClaimed: boolean,
): Promise<IntentOutcome> {
  const { network, link, podUid } = record;
  const key = keys.attachmentKey(record);
  const vniKey = keys.vniKey(link.dstPort, link.vni);
  const ownUser = keys.userKey(network, podUid, link.interfaceName);
  const [[reservation] = [], users = [], [refusal] = [], ...reserved] = await etcd.read([
    { key: vniKey },
    { prefix: keys.usersPrefix(network) },
    { key: keys.refusalKey(podUid, link.interfaceName) },
    ...addressKeys(previous?.value, record).map((each) => ({ key: each })),
  ]);

  const found = reserved.flat();
  const refused =
    (await tunnelRefused(etcd, record, previous?.value, { reservation, users })) ??
    addressRefused(record, previous, isClaimed, found);
  if (refused !== undefined) return refused;
  const addresses = reserveAddresses(previous?.value, record, found);
  const identities = await leftIdentities(etcd, previous?.value, record);
  const owner = networkKey(network);
  const tunnel = tunnelOf(record);

  const value = JSON.stringify(record);
  const isKnown = needsKnownIds(reservation, isClaimed) ? IDS_KNOWN : [];
  const { applied, revision } = await etcd.transact(
    [
      NOT_TORN_DOWN,
      ...isKnown,
      previous === undefined ? { key, is: 'absent' } : unchanged(previous),
      asFound(vniKey, reservation),
      ...addresses.conditions,
      ...identities.conditions,
    ],
    [
      { put: key, value },
      { put: vniKey, value: owner },
      { put: ownUser, value: tunnel },
      ...heldWhileReplaced(record, previous?.value),
      ...addresses.operations,
      ...identities.operations,
      ...withoutWaiting(refusal),
      { put: podNodeKeyOf(record), value: '' },
    ],
  );
  return applied ? { kind: 'recorded', stored: { key, value: record, modRevision: revision } } : whyNot(etcd, isKnown);
}

const asFound = (key: string, entry: Entry | undefined): Condition =>
  entry === undefined ? { key, is: 'absent' } : { key, is: 'equal', value: entry.value };

/** The others of a network need not be told any more that this one waits for their tunnel. */
const withoutWaiting = (refusal: Entry | undefined): readonly Operation[] =>
  refusal === undefined || parseEntry(refusalSchema, refusal).waitsForTunnel === undefined
    ? []
    : [{ remove: refusal.key }];

function addressRefused(
  record: VxlanAttachmentRecord,
  previous: Stored<AttachmentRecord> | undefined,
  isClaimed: boolean,
  found: readonly Entry[],
): IntentOutcome | undefined {
  const taken = keepsAddress(previous, isClaimed) ? undefined : takenAddress(record, previous?.value, found);
  return taken === undefined ? undefined : { kind: 'address-taken', ...taken };
}

/** @param found who has the tunnel, and the users of the network, each with its own */
async function tunnelRefused(
  etcd: Etcd,
  record: VxlanAttachmentRecord,
  previous: AttachmentRecord | undefined,
  { reservation, users }: { readonly reservation: Entry | undefined; readonly users: readonly Entry[] },
): Promise<IntentOutcome | undefined> {
  const { network, podUid } = record;
  const tunnel = tunnelOf(record);
  if (reservation !== undefined && isTakenFrom(network, reservation.value))
    return { kind: 'vni-taken', tunnel, owner: reservation.value };
  // A declared network follows its declaration; one that only pods name keeps the VNI its first member gave it.
  if (network.scope === CLUSTER_SCOPE || isOfObject(network)) return undefined;
  // One whose tunnel stays as it is takes its network nowhere.
  const isMember = previous?.kind === 'vxlan' && networkKey(previous.network) === networkKey(network);
  if (isMember && tunnelOf(previous) === tunnel) return undefined;
  const staying = await userHoldingBack(etcd, { network, podUid, tunnel }, networkUsers(network, users));
  return staying === undefined ? undefined : { kind: 'vni-fixed', tunnel, inUse: staying.tunnel };
}

/** A pod whose record was lost with the store, and which is known to have been attached. */
const keepsAddress = (previous: Stored<AttachmentRecord> | undefined, isClaimed: boolean): boolean =>
  previous === undefined && isClaimed;

const needsKnownIds = (reservation: Entry | undefined, isClaimed: boolean): boolean =>
  reservation === undefined && !isClaimed;

/** Whose a free VNI is, is not known before all that had one have written it back. */
const IDS_KNOWN: readonly Condition[] = [{ key: keys.idsKnownKey(), is: 'present' }];

const NOT_TORN_DOWN: Condition = { key: keys.teardownKey(), is: 'absent' };

/** Of a transaction that was not applied. */
async function whyNot(etcd: Etcd, isKnown: readonly Condition[]): Promise<IntentOutcome> {
  for (const { key } of isKnown) if ((await etcd.get(key)) === undefined) return { kind: 'rebuilding' };
  return { kind: 'raced' };
}

async function takeBackIntent(
  etcd: Etcd,
  stored: Stored<AttachmentRecord>,
): Promise<Stored<AttachmentRecord> | undefined> {
  const record = takenBack(stored.value);
  if (record === undefined) return undefined;
  const freed = await releaseAddresses(etcd, stored.value, record);
  const { applied, revision } = await etcd.transact(
    [unchanged(stored), ...freed.conditions],
    [
      putOperation(stored.key, record),
      ...(record.kind === 'vxlan' ? tunnelOperations(record, stored.value) : []),
      ...freed.operations,
    ],
  );
  return applied ? { key: stored.key, value: record, modRevision: revision } : undefined;
}

const tunnelOperations = (record: VxlanAttachmentRecord, previous: AttachmentRecord): Operation[] => [
  { put: keys.userKey(record.network, record.podUid, record.interfaceName), value: tunnelOf(record) },
  ...heldWhileReplaced(record, previous),
];

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
  // What the node has begun before the store was lost is written back first: its ADD is not made again.
  const isKnown: Condition[] = previous === undefined ? [{ key: keys.restoredKey(record.node), is: 'present' }] : [];
  const identities = await leftIdentities(etcd, previous?.value, record);
  const { applied, revision } = await etcd.transact(
    [
      NOT_TORN_DOWN,
      ...isKnown,
      previous === undefined ? { key, is: 'absent' } : unchanged(previous),
      ...identities.conditions,
    ],
    [putOperation(key, record), { put: podNodeKeyOf(record), value: '' }, ...identities.operations],
  );
  return applied ? { kind: 'recorded', stored: { key, value: record, modRevision: revision } } : whyNot(etcd, isKnown);
}

async function recordResult(
  etcd: Etcd,
  stored: Stored<AttachmentRecord>,
  result: LinkResult,
  member: MemberRecord | undefined,
): Promise<readonly SharedIdentity[] | undefined> {
  const record = stored.value;
  const attached: AttachmentRecord = { ...withoutPast(record), phase: 'attached', result };
  for (let attempt = 1; ; attempt += 1) {
    const [freed, identities, left] = await Promise.all([
      releaseAddresses(etcd, record, attached),
      changeIdentities(etcd, record, attached),
      record.kind === 'vxlan' ? leaveReplaced(etcd, record) : [],
    ]);
    const changes: readonly Change[] = [freed, identities, ...left];
    const { applied } = await etcd.transact(
      [unchanged(stored), ...changes.flatMap(({ conditions }) => conditions)],
      [
        putOperation(stored.key, attached),
        ...changes.flatMap(({ operations }) => operations),
        ...(member === undefined
          ? []
          : [putOperation(keys.memberKey(record.network, record.podUid, record.interfaceName), member)]),
        { remove: failureKeyOf(record) },
      ],
    );
    if (applied) return identities.shared;
    // Another pod with the same address may have been noted in between: that is no reason to give this attachment up.
    const found = await etcd.get(stored.key);
    if (attempt === MAX_RESULT_ATTEMPTS || found?.modRevision !== stored.modRevision) return undefined;
  }
}

async function beginRemoval(
  etcd: Etcd,
  stored: Stored<AttachmentRecord>,
): Promise<Stored<AttachmentRecord> | undefined> {
  const record = stored.value;
  const removing: AttachmentRecord = { ...record, phase: 'removing', generation: record.generation + 1 };
  const [member, next] = await Promise.all([memberOf(etcd, record), inAnotherSandbox(etcd, record)]);
  const freed = whileUnchanged(await releaseAddresses(etcd, record, next?.value ?? removing), next);
  const { applied, revision } = await etcd.transact(
    [unchanged(stored), ...freed.conditions],
    [putOperation(stored.key, removing), ...(member === undefined ? [] : [{ remove: member }]), ...freed.operations],
  );
  return applied ? { key: stored.key, value: removing, modRevision: revision } : undefined;
}

/** What was recorded of the link stays: it is still ours to remove, and what an edit that comes in meanwhile goes back to. */
async function beginRepair(
  etcd: Etcd,
  stored: Stored<AttachmentRecord>,
): Promise<Stored<AttachmentRecord> | undefined> {
  const record = stored.value;
  const lastGood = lastGoodOf(record, record.network);
  const intent: AttachmentRecord = {
    ...record,
    phase: 'intent',
    generation: record.generation + 1,
    ...(lastGood === undefined ? {} : { lastGood }),
  };
  const { applied, revision } = await etcd.transact([unchanged(stored)], [putOperation(stored.key, intent)]);
  return applied ? { key: stored.key, value: intent, modRevision: revision } : undefined;
}
