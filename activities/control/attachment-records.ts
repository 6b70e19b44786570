/**
 * The durable life of one attachment: the intent is written before the first side effect, the result after the kernel was read, and the record
 * is deleted when its link is gone.
 */
import { claimedAddresses, freedAddresses } from '../../domain/plan/address-claims.ts';
import type { SharedIdentity } from '../../domain/cni/identities.ts';
import { changedAddresses } from '../../domain/cni/changed-addresses.ts';
import { differingMtu, MTU_DIFFERS, mtuWarning } from '../../domain/vxlan/differing-mtu.ts';
import { PodwireError } from '../../domain/failures.ts';
import { attachmentKey } from '../../domain/keys.ts';
import { asItWas, hasLastGood, withoutPast } from '../../domain/plan/last-good.ts';
import type { Signals } from '../../domain/ports/cluster.ts';
import {
  attachedTo,
  RECORD_VERSION,
  type AttachmentRecord,
  type LinkResult,
  type MemberRecord,
  type StepFailure,
  type Stored,
} from '../../domain/records.ts';
import { ofRecord } from './fingerprints.ts';
import type { ControlSteps, RecordInput, ResultInput } from './control-contract.ts';
import { recordIntent } from './intent.ts';
import type { ObserveDeps } from './observe-pod.ts';
import { tellOfShared } from './shared-identities.ts';
import { tunnelsOf, wakeAfterLeaving, wakeWaiting } from './wake-waiting.ts';

export interface RecordDeps extends ObserveDeps {
  readonly signals: Signals;
  /** Time between the two reads that must both miss a Node object before it counts as gone, in seconds. */
  readonly nodeGoneSeconds: number;
}

type RecordActivities = Pick<
  ControlSteps,
  | 'recordIntent'
  | 'takeBackIntent'
  | 'recordResult'
  | 'recordFailure'
  | 'beginRemoval'
  | 'forgetAttachment'
  | 'entombAttachment'
>;

export function createRecordActivities(deps: RecordDeps): RecordActivities {
  const { records } = deps;
  const read = (input: RecordInput): Promise<Stored<AttachmentRecord> | undefined> => records.attachment(keyOf(input));
  return {
    recordIntent: (input) => recordIntent(deps, input),

    takeBackIntent: async (input) => {
      const back = await whileRaced(async () => {
        const stored = await read(input);
        if (stored === undefined || !hasLastGood(stored.value)) return undefined;
        if (isBack(deps, stored.value)) return stored;
        const written = await records.takeBackIntent(stored);
        if (written === undefined) return 'raced';
        await wakeForAddresses(deps, stored.value, written.value);
        return written;
      });
      return back && { generation: back.value.generation, modRevision: back.modRevision };
    },

    recordResult: async (input) => {
      const stored = await read(input);
      return stored !== undefined && recordResult(deps, input, stored);
    },

    recordFailure: ({ uid, interfaceName, generation, failure }) =>
      records.putFailure(uid, { v: RECORD_VERSION, interfaceName, generation, ...failure }),

    beginRemoval: async (input) => {
      const removing = await whileRaced(async () => {
        const stored = await read(input);
        if (stored === undefined || stored.value.phase === 'removing') return stored;
        const written = await records.beginRemoval(stored);
        if (written === undefined) return 'raced';
        await wakeForAddresses(deps, stored.value, written.value);
        return written;
      });
      if (removing === undefined) return undefined;
      const { value, modRevision } = removing;
      const from = attachedTo(value);
      return { generation: value.generation, modRevision, ...(from === undefined ? {} : { attachedTo: from }) };
    },

    forgetAttachment: async (input) => {
      const stored = await read(input);
      if (stored === undefined) return gone(deps);
      // An attempt that was given up may still get here when the interface was attached anew and is being removed again.
      if (stored.value.phase !== 'removing' || isOtherWrite(stored, input)) return false;
      // The other members are told before the record goes: afterwards nothing says any more that they have to be told.
      if (input.tellsMesh) await tellMesh(deps, stored.value, 'a member left');
      if (!(await records.forget(stored))) return false;
      await wakeAfterLeaving(deps, { network: stored.value.network, tunnels: tunnelsOf(stored.value), addresses: [] });
      return true;
    },

    entombAttachment: async (input) => {
      const stored = await read(input);
      if (stored === undefined) return gone(deps);
      if (!(await records.entomb(stored))) return false;
      const { network } = stored.value;
      await wakeAfterLeaving(deps, {
        ...{ network, tunnels: tunnelsOf(stored.value), addresses: claimedAddresses(stored.value) },
      });
      return true;
    },
  };
}

/** Writers of one record follow one another within milliseconds: an attempt of before, a sweep, the node's look. */
const MAX_RACES = 5;

/**
 * Reads and writes anew as long as somebody else has written in between: a record that is there is never taken for one that is not.
 *
 * @throws PodwireError EtcdUnavailable when that does not end
 */
async function whileRaced<T>(write: () => Promise<T | 'raced'>): Promise<T> {
  for (let race = 0; race < MAX_RACES; race += 1) {
    const written = await write();
    if (written !== 'raced') return written;
  }
  throw new PodwireError('EtcdUnavailable', `the record was written by others ${MAX_RACES} times in a row`);
}

/** False: somebody else wrote the record. */
async function recordResult(deps: RecordDeps, input: ResultInput, stored: Stored<AttachmentRecord>): Promise<boolean> {
  const { value: record } = stored;
  // The activity runs again after its answer was lost: the record says that the result was written.
  const again = record.phase === 'attached' && record.result?.ifindex === input.result.ifindex;
  const shared = again ? await deps.records.sharedIdentities(record) : await writeResult(deps, input, stored);
  if (shared === undefined) return false;
  // The tunnel that the link replaced is not in the record any more.
  if (again) await wakeWaiting(deps);
  await tellMesh(deps, record, 'a member joined');
  await tellOfShared(deps, record, shared);
  return true;
}

/** Answers with what another pod has, too; undefined: somebody else wrote the record. */
async function writeResult(
  deps: RecordDeps,
  input: ResultInput,
  stored: Stored<AttachmentRecord>,
): Promise<readonly SharedIdentity[] | undefined> {
  const { value: record } = stored;
  if (stored.modRevision !== input.modRevision) return undefined;
  const result = await withWarning(deps, record, input.result);
  const shared = await deps.records.recordResult(stored, result, memberOf(record, result));
  if (shared === undefined) return undefined;
  await wakeAfterLeaving(deps, {
    network: record.network,
    tunnels: record.kind === 'vxlan' ? (record.replaces ?? []) : [],
    addresses: freedAddresses(record, withoutPast(record)),
  });
  return shared;
}

/** A warning of the node's comes first. A differing MTU is found here, and looked at anew each time. */
async function withWarning(
  { records }: RecordDeps,
  record: AttachmentRecord,
  { warning: known, ...found }: LinkResult,
): Promise<LinkResult> {
  const told = known?.code === MTU_DIFFERS ? undefined : known;
  const warning = told ?? changedAddresses(record, found) ?? (await mtuDiffers(records, record, found));
  return warning === undefined ? found : { ...found, warning };
}

/** The pod that joins later is warned. */
async function mtuDiffers(
  records: RecordDeps['records'],
  record: AttachmentRecord,
  { mtu }: LinkResult,
): Promise<StepFailure | undefined> {
  if (record.kind !== 'vxlan') return undefined;
  const { network, podUid, interfaceName } = record;
  const others = (await records.members(network)).filter(
    (member) => member.podUid !== podUid || member.interfaceName !== interfaceName,
  );
  const found = differingMtu(mtu, others);
  if (found === undefined) return undefined;
  const pod = (await records.attachment(attachmentKey(found.other)))?.value;
  return mtuWarning(found, pod && `${pod.namespace}/${pod.name}`);
}

/** Whether the record was written after the write that the caller saw. */
const isOtherWrite = ({ modRevision }: Stored<AttachmentRecord>, seen: RecordInput): boolean =>
  seen.modRevision !== '' && seen.modRevision !== modRevision;

/** The record is gone already, perhaps by an attempt that died before it woke anybody. Nothing says any more which VNI was freed. */
async function gone(deps: RecordDeps): Promise<true> {
  await wakeWaiting(deps);
  return true;
}

/** Another pod may wait for the address that a record gave up. The address of an attachment that goes is free before its link is gone. */
async function wakeForAddresses(deps: RecordDeps, before: AttachmentRecord, after: AttachmentRecord): Promise<void> {
  await wakeAfterLeaving(deps, { network: before.network, tunnels: [], addresses: freedAddresses(before, after) });
}

async function tellMesh({ signals }: RecordDeps, { kind, network }: AttachmentRecord, reason: string): Promise<void> {
  if (kind === 'vxlan') await signals.membersChanged(network, reason);
}

/** The tunnel's end as the other members see it. A CNI network has no members: it is the plugins' own business. */
function memberOf(record: AttachmentRecord, { mac, mtu, addresses, sendsFrom }: LinkResult): MemberRecord | undefined {
  if (record.kind !== 'vxlan') return undefined;
  const { node, sandboxId, interfaceName, generation, vtep } = record;
  const tunnel = sendsFrom === undefined ? { vtep } : { vtep, sendsFrom };
  return { v: RECORD_VERSION, node, sandboxId, interfaceName, generation, ...tunnel, mac, mtu, addresses };
}

const keyOf = (input: RecordInput): string =>
  attachmentKey({
    node: input.node,
    podUid: input.uid,
    sandboxId: input.sandboxId,
    interfaceName: input.interfaceName,
  });

/** Whether the edit was rolled back before: the answer was lost, or the run was interrupted. A repair has nothing to roll back. */
function isBack({ hash }: RecordDeps, record: AttachmentRecord): boolean {
  const was = asItWas(record);
  if (was === undefined || ofRecord(hash, was).linkHash !== ofRecord(hash, record).linkHash) return false;
  return record.kind === 'vxlan' || (was.kind === 'cni' && was.configText === record.configText);
}
