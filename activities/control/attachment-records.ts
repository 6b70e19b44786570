/** The durable life of one attachment: intent before the first side effect, result after the kernel was read, gone after the last undo. */
import { claimedAddresses, freedAddresses } from '../../domain/address-claims.ts';
import type { SharedIdentity } from '../../domain/cni-identities.ts';
import { changedAddresses } from '../../domain/cni/changed-addresses.ts';
import { differingMtu, MTU_DIFFERS, mtuWarning } from '../../domain/differing-mtu.ts';
import { attachmentKey } from '../../domain/keys.ts';
import { asItWas, withoutPast } from '../../domain/last-good.ts';
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
import type { ControlSteps, RecordInput, ResultInput } from './inputs.ts';
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
      const stored = await read(input);
      if (stored === undefined) return undefined;
      const back = isBack(deps, stored.value) ? stored : await records.takeBackIntent(stored);
      if (back !== undefined && back !== stored) await wakeForAddresses(deps, stored.value, back.value);
      return back === undefined ? undefined : { generation: back.value.generation, modRevision: back.modRevision };
    },

    recordResult: async (input) => {
      const stored = await read(input);
      if (stored === undefined) return false;
      // Run again after its answer was lost: the record says it happened.
      const again = stored.value.phase === 'attached' && stored.value.result?.ifindex === input.result.ifindex;
      const shared = again ? await records.sharedIdentities(stored.value) : await recordResult(deps, stored, input);
      if (shared === undefined) return false;
      // What was replaced is not in the record any more.
      if (again) await wakeWaiting(deps);
      await tellMesh(deps, stored.value, 'a member joined');
      await tellOfShared(deps, stored.value, shared);
      return true;
    },

    recordFailure: ({ uid, interfaceName, generation, failure }) =>
      records.putFailure(uid, { v: RECORD_VERSION, interfaceName, generation, ...failure }),

    beginRemoval: async (input) => {
      const stored = await read(input);
      if (stored === undefined) return undefined;
      const removing = stored.value.phase === 'removing' ? stored : await records.beginRemoval(stored);
      if (removing !== undefined && removing !== stored) await wakeForAddresses(deps, stored.value, removing.value);
      if (removing === undefined) return undefined;
      const { value, modRevision } = removing;
      const from = attachedTo(value);
      return { generation: value.generation, modRevision, ...(from === undefined ? {} : { attachedTo: from }) };
    },

    forgetAttachment: async (input) => {
      const stored = await read(input);
      if (stored === undefined) return gone(deps);
      // Before the record goes: afterwards nothing says any more that they are to be told.
      if (input.tellsMesh) await tellMesh(deps, stored.value, 'a member left');
      if (stored.value.phase !== 'removing' || !(await records.forget(stored))) return false;
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

/** Answers what another pod has, too; undefined: somebody else wrote the record. */
async function recordResult(
  deps: RecordDeps,
  stored: Stored<AttachmentRecord>,
  input: ResultInput,
): Promise<readonly SharedIdentity[] | undefined> {
  if (stored.modRevision !== input.modRevision) return undefined;
  const result = await withWarning(deps, stored.value, input.result);
  const shared = await deps.records.recordResult(stored, result, memberOf(stored.value, result));
  if (shared === undefined) return undefined;
  await wakeAfterLeaving(deps, {
    network: stored.value.network,
    tunnels: stored.value.kind === 'vxlan' ? (stored.value.replaces ?? []) : [],
    addresses: freedAddresses(stored.value, withoutPast(stored.value)),
  });
  return shared;
}

/** What the node warns of comes first. That the MTU differs was found here, and is looked at anew each time. */
async function withWarning(
  { records }: RecordDeps,
  record: AttachmentRecord,
  { warning: known, ...found }: LinkResult,
): Promise<LinkResult> {
  const told = known?.code === MTU_DIFFERS ? undefined : known;
  const warning = told ?? changedAddresses(record, found) ?? (await mtuDiffers(records, record, found));
  return warning === undefined ? found : { ...found, warning };
}

/** The later member is told. */
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

/** Maybe by an attempt that did not come to wake anybody; nothing says any more which VNI was freed. */
async function gone(deps: RecordDeps): Promise<true> {
  await wakeWaiting(deps);
  return true;
}

/** The address that a record gave up may be what another pod waits for; one that goes is free before its link is gone. */
async function wakeForAddresses(deps: RecordDeps, before: AttachmentRecord, after: AttachmentRecord): Promise<void> {
  await wakeAfterLeaving(deps, { network: before.network, tunnels: [], addresses: freedAddresses(before, after) });
}

async function tellMesh({ signals }: RecordDeps, { kind, network }: AttachmentRecord, reason: string): Promise<void> {
  if (kind === 'vxlan') await signals.membersChanged(network, reason);
}

/** The tunnel's end as the other members see it; a CNI network is the plugins' own business. */
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

/** Taken back before: the answer was lost, or the run that did it was interrupted. A repair has nothing to take back at all. */
function isBack({ hash }: RecordDeps, record: AttachmentRecord): boolean {
  const was = asItWas(record);
  if (was === undefined || ofRecord(hash, was).linkHash !== ofRecord(hash, record).linkHash) return false;
  return record.kind === 'vxlan' || (was.kind === 'cni' && was.configText === record.configText);
}
