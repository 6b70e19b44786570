/** Removes records with all that goes with them. */
import * as keys from '../../domain/keys.ts';
import { tunnelOf, type AttachmentRecord, type Stored } from '../../domain/records.ts';
import { releaseAddresses } from './address-reservation.ts';
import type { Condition, Etcd, Operation } from './client.ts';
import { changeIdentities } from './cni-identities.ts';
import { isSameAttachment, whileUnchanged } from './next-sandbox.ts';
import { readPod } from './pod-records.ts';
import { failureKeyOf, memberOf, podNodeKeyOf, putOperation, unchanged } from './record-entries.ts';
import { leaveReplaced, leaveVni, STAYS, witnessIsGone, type Leaving } from './vni-reservation.ts';

/** Users of one VNI that go at once may each lose their witness a few times. */
const MAX_REMOVE_ATTEMPTS = 8;

/** False: it was changed by somebody else, or something that would go is needed again. */
export const forget = (etcd: Etcd, stored: Stored<AttachmentRecord>): Promise<boolean> => remove(etcd, stored, []);

/** As `forget`, and leaves a note of it for the node's worker. */
export async function entomb(etcd: Etcd, stored: Stored<AttachmentRecord>): Promise<boolean> {
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
  const next = others.find(({ value }) => isSameAttachment(record, value));
  const sameNode = others.some(({ value }) => value.node === record.node);
  const unused = [next === undefined ? userEntry : undefined, sameNode ? undefined : nodeEntry].filter(
    (entry) => entry !== undefined,
  );
  const freed = await Promise.all([
    releaseAddresses(etcd, record, next?.value),
    changeIdentities(etcd, record, next?.value),
  ]);
  const leaving =
    next !== undefined || record.kind === 'cni'
      ? [STAYS]
      : [await leaveVni(etcd, record, tunnelOf(record)), ...(await leaveReplaced(etcd, record))];
  return {
    conditions: [
      ...unused.map((entry) => unchanged(entry)),
      ...freed.flatMap((change) => whileUnchanged(change, next).conditions),
      ...leaving.flatMap(({ conditions }) => conditions),
    ],
    operations: [
      { remove: failureKeyOf(record) },
      ...(record.kind === 'cni' ? [{ remove: keys.cniResultKey(record) }] : []),
      ...unused.map((entry) => ({ remove: entry.key })),
      ...freed.flatMap(({ operations }) => operations),
      ...leaving.flatMap(({ operations }) => operations),
    ],
    leaving,
  };
}
