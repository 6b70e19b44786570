/** `NodeStore` on etcd. */
import { PodwireError } from '../../domain/failures.ts';
import * as keys from '../../domain/keys.ts';
import type { NetworkRef } from '../../domain/network-selection.ts';
import { execTarget } from '../../domain/target.ts';
import type { MembersRead, NodeRecords, NodeStore } from '../../domain/ports/node-store.ts';
import {
  RECORD_VERSION,
  type AttachmentRecord,
  type CniAttachmentRecord,
  type CniResultRecord,
  type ConvergedRecord,
  type Stored,
} from '../../domain/records.ts';
import type { Ask, Entry, Etcd } from './client.ts';
import { changeIdentities } from './cni-identities.ts';
import { caughtUp, readMesh } from './mesh-records.ts';
import { podNodeKeyOf, podUidBelow, putOperation, storedAttachment, unchanged } from './record-entries.ts';
import { cniResultSchema, failureSchema, convergedSchema, memberSchema, parseEntry, sandboxSchema } from './schemas.ts';
import { listOutdatedRefusals } from './waiting-refusals.ts';

export function createNodeStore(etcd: Etcd): NodeStore {
  const put = async (key: string, value: object): Promise<void> => {
    await etcd.transact([], [putOperation(key, value)]);
  };
  const list = async <T>(prefix: string, parse: (entry: Entry) => T): Promise<T[]> =>
    (await etcd.list(prefix)).entries.map(parse);
  const read = async <T>(key: string, parse: (entry: Entry) => T): Promise<T | undefined> => {
    const entry = await etcd.get(key);
    return entry === undefined ? undefined : parse(entry);
  };
  return {
    readAttachment: (id) => read(keys.attachmentKey(id), storedAttachment),
    listNodeAttachments: (node) => list(keys.nodeAttachmentsPrefix(node), storedAttachment),
    listPodAttachments: (node, podUid) => list(keys.podAttachmentsPrefix(node, podUid), storedAttachment),
    readCniResult: (id) => read(keys.cniResultKey(id), (entry) => parseEntry(cniResultSchema, entry)),
    putCniResult: (id, result) => put(keys.cniResultKey(id), result),
    listFailures: async (podUids) => {
      const read = await readOfPods(etcd, podUids, (podUid) => ({ prefix: keys.podFailuresPrefix(podUid) }));
      return read.map(({ podUid, entry }) => ({ ...parseEntry(failureSchema, entry), podUid }));
    },
    readMembers: (network) => readMembers(etcd, network),
    readNode: (node) => readNode(etcd, node),
    restoreAttachment: (record, result) => restoreAttachment(etcd, record, result),
    isRestored: async (node) => (await etcd.get(keys.restoredKey(node))) !== undefined,
    putRestored: (node) => put(keys.restoredKey(node), { v: RECORD_VERSION }),
    readMesh: (network) => readMesh(etcd, network),
    caughtUp: (network, node, write) => caughtUp(etcd, network, node, write),
    readConverged: async (podUids, onUnreadable) => {
      const marks = new Map<string, ConvergedRecord>();
      for (const { podUid, entry } of await readOfPods(etcd, podUids, (uid) => ({ key: keys.convergedKey(uid) }))) {
        try {
          marks.set(podUid, parseEntry(convergedSchema, entry));
        } catch (error) {
          if (onUnreadable === undefined || !(error instanceof PodwireError)) throw error;
          onUnreadable(podUid, error);
        }
      }
      return marks;
    },
    listSandboxes: (node) => list(keys.sandboxesPrefix(node), (entry) => parseEntry(sandboxSchema, entry)),
    putSandbox: (node, sandbox) => put(keys.sandboxKey(node, sandbox.podUid), sandbox),
    removeSandbox: async (node, podUid) => {
      await etcd.transact([], [{ remove: keys.sandboxKey(node, podUid) }]);
    },
    putNode: (node, lookedAt) =>
      put(keys.nodeKey(node), { v: RECORD_VERSION, ...(lookedAt === undefined ? {} : { lookedAt }) }),
    putNodeConfigs: async (node, record) => {
      const key = keys.nodeConfigsKey(node);
      if (record !== undefined) await put(key, record);
      else await etcd.transact([{ key, is: 'present' }], [{ remove: key }]);
    },
    listWaitingForConfigs: (node) => listOutdatedRefusals(etcd, ({ waitsForConfig }) => waitsForConfig?.node === node),
    listTombstones: (node) => list(keys.tombstonesPrefix(node), storedAttachment),
    removeTombstone: async (tombstone) => {
      await etcd.transact([unchanged(tombstone)], [{ remove: tombstone.key }]);
    },
  };
}

async function readMembers(etcd: Etcd, network: NetworkRef): Promise<MembersRead> {
  const prefix = keys.membersPrefix(network);
  const [entries = [], whole = []] = await etcd.read([{ prefix }, { key: keys.wholeKey() }]);
  const members = entries.map((entry) => ({
    ...parseEntry(memberSchema, entry),
    podUid: podUidBelow(prefix, entry),
  }));
  return { members, isWhole: whole.length > 0 };
}

async function restoreAttachment(etcd: Etcd, record: CniAttachmentRecord, result: CniResultRecord): Promise<boolean> {
  const key = keys.attachmentKey(record);
  const { applied } = await etcd.transact(
    [{ key, is: 'absent' }],
    [
      putOperation(key, record),
      putOperation(keys.cniResultKey(record), result),
      { put: podNodeKeyOf(record), value: '' },
    ],
  );
  if (!applied) return false;
  const identities = await changeIdentities(etcd, record, record);
  // Where another pod was noted in between, that one was first.
  await etcd.transact(identities.conditions, identities.operations);
  return true;
}

async function readNode(etcd: Etcd, node: string): Promise<NodeRecords> {
  const [attachments = [], byExec = [], tombstones = [], whole = []] = await etcd.read([
    { prefix: keys.nodeAttachmentsPrefix(node) },
    { prefix: keys.nodeAttachmentsPrefix(execTarget(node)) },
    { prefix: keys.tombstonesPrefix(node) },
    { key: keys.wholeKey() },
  ]);
  return {
    attachments: attachments.map(storedAttachment),
    byExec: byExec.map(storedAttachment),
    tombstones: tombstones.map(storedAttachment),
    isWhole: whole.length > 0,
  };
}

/** Every attachment that the exec backend made, wherever its pod is. */
export const listExecAttachments = async (etcd: Etcd): Promise<Stored<AttachmentRecord>[]> =>
  (await etcd.list(keys.execAttachmentsPrefix())).entries.map(storedAttachment);

/** A transaction each; etcd takes 128 reads at once. */
const PODS_PER_READ = 100;

async function readOfPods(
  etcd: Etcd,
  podUids: readonly string[],
  ask: (podUid: string) => Ask,
): Promise<readonly { readonly podUid: string; readonly entry: Entry }[]> {
  const found = [];
  for (let first = 0; first < podUids.length; first += PODS_PER_READ) {
    const uids = podUids.slice(first, first + PODS_PER_READ);
    const ofPods = await etcd.read(uids.map(ask));
    for (const [index, podUid] of uids.entries())
      for (const entry of ofPods[index] ?? []) found.push({ podUid, entry });
  }
  return found;
}
