/** The sweep's part that needs etcd, the Kubernetes API or Temporal. */
import { attachmentKey } from '../../../domain/keys.ts';
import { networkKey } from '../../../domain/network-selection.ts';
import type { Observation } from '../../../domain/plan/observation.ts';
import { isOnlyKept } from '../../../domain/plan/plan.ts';
import type { Cluster, PodEvent, Signals } from '../../../domain/ports/cluster.ts';
import type { RecordStore } from '../../../domain/ports/record-store.ts';
import type { PodIdentity } from '../../../domain/pod/pod-view.ts';
import { RECORD_VERSION, type AttachmentRecord, type Stored } from '../../../domain/records.ts';
import { DRIFT_REMAINS } from '../../../domain/sweep/remaining-drift.ts';
import type { ControlSteps, RecordInput } from '../control-contract.ts';
import type { DriftRemainsInput, RepairDriftInput, SweepControlActivities } from './sweep-control-contract.ts';

export interface SweepControlDeps {
  readonly records: Pick<RecordStore, 'attachment' | 'beginRepair' | 'putFailure' | 'deleteRemainingDrift'>;
  /** What a run of the pod would see now. */
  readonly observeOnly: (pod: PodIdentity) => Promise<Observation>;
  readonly publishStatus: ControlSteps['publishStatus'];
  readonly cluster: Pick<Cluster, 'createEvent' | 'podHasAddress'>;
  readonly signals: Pick<Signals, 'podChanged'>;
  readonly runs: {
    /** Whether a run of the pod is open. */
    isOpen(pod: PodIdentity): Promise<boolean>;
  };
}

export function createSweepControlActivities(deps: SweepControlDeps): SweepControlActivities {
  return {
    repairDrift: (input) => repairDrift(deps, input),
    tellDriftRemains: (input) => tellDriftRemains(deps, input),
    driftIsOver: async ({ uid, namespace, name, interfaceName }) => {
      await deps.records.deleteRemainingDrift(uid, interfaceName);
      // The pod's run publishes the status. The run also waits for an API that does not answer.
      await deps.signals.podChanged({ uid, namespace, name }, `${interfaceName} is as it should be again`);
      return true;
    },
    wakeIdlePod: async ({ uid, namespace, name, reason }) => {
      const pod = { uid, namespace, name };
      if (await deps.runs.isOpen(pod)) return false;
      await deps.signals.podChanged(pod, reason);
      return true;
    },
    tellStrangers: async (input) => {
      const { uid, namespace, name, sandboxId, interfaceName, addresses } = input;
      await deps.cluster.createEvent(
        { uid, namespace, name },
        {
          type: 'Warning',
          reason: 'NetworkEntriesUnknown',
          message: `${interfaceName} was there before podwire and floods to addresses that no member of its network has: ${addresses.join(', ')}; the next sweep removes these entries unless a labelled pod has the address. To keep one, name it with peers=`,
          key: `strangers/${sandboxId}/${interfaceName}/${addresses.join(',')}`,
        },
      );
      return true;
    },
    tellRestored: async ({ uid, namespace, name, interfaceName, why, id }) => {
      await deps.cluster.createEvent(
        { uid, namespace, name },
        {
          type: 'Warning',
          reason: 'NetworkDrifted',
          message: `forwarding entries of ${interfaceName} were changed behind podwire's back: ${why}; they are set right again`,
          key: id,
        },
      );
      return true;
    },
    livingAddresses: async ({ addresses }) => {
      const living = await Promise.all(addresses.map((address) => deps.cluster.podHasAddress(address)));
      return addresses.filter((_address, index) => living[index] === true);
    },
  };
}

async function repairDrift(deps: SweepControlDeps, input: RepairDriftInput): Promise<boolean | 'kept'> {
  const { records, cluster, signals } = deps;
  const { uid, namespace, name, interfaceName } = input;
  const pod = { uid, namespace, name };
  const stored = await records.attachment(keyOf(input));
  if (stored === undefined) return false;
  if (!isBegun(stored, input) && (await staysAsItIs(deps, pod, stored, input))) {
    await cluster.createEvent(pod, drifted(input, stored.value, KEPT));
    return 'kept';
  }
  const begun = isBegun(stored, input) ? stored : await begin(records, stored, input);
  if (begun === undefined) return false;
  await signals.podChanged(pod, `${interfaceName} drifted`);
  await cluster.createEvent(pod, drifted(input, begun.value, repairOf(begun.value)));
  return true;
}

function repairOf({ kind, result }: AttachmentRecord): string {
  if (kind === 'cni') return 'it is made anew';
  return result?.adopted === true
    ? 'it is set right again, but for its MAC address, which stays as it is: the link was there before podwire'
    : 'it is set right again, with the same MAC address';
}

const KEPT =
  "it stays as it is, because what the pod asks for cannot be carried out just now (see the pod's NetworkRefused event); once its annotation and the network's definition are right again, the next sweep makes it anew";

/** One event for each revision of the record that drifted. A generation would not do: generations begin anew when a record is forgotten. */
const drifted = (
  { sandboxId, interfaceName, modRevision, why }: RepairDriftInput,
  { network }: AttachmentRecord,
  consequence: string,
): PodEvent => ({
  type: 'Warning',
  reason: 'NetworkDrifted',
  message: `${interfaceName} of network ${networkKey(network)} was changed behind podwire's back: ${why}; ${consequence}`,
  key: `drifted/${sandboxId}/${interfaceName}/${modRevision}${consequence === KEPT ? '/kept' : ''}`,
});

/** Whether a repair must not begin. The pod's run does nothing for an attachment that is only kept: an intent for it would wait for ever. */
async function staysAsItIs(
  { observeOnly }: SweepControlDeps,
  pod: PodIdentity,
  { value }: Stored<AttachmentRecord>,
  { modRevision }: RepairDriftInput,
): Promise<boolean> {
  const observation = await observeOnly(pod);
  const { node, sandboxId, interfaceName } = value;
  const recorded = observation.known.find(
    (record) =>
      record.node === node &&
      record.sandboxId === sandboxId &&
      record.interfaceName === interfaceName &&
      record.modRevision === modRevision,
  );
  return recorded !== undefined && isOnlyKept(recorded, observation);
}

async function tellDriftRemains(deps: SweepControlDeps, input: DriftRemainsInput): Promise<boolean> {
  const { uid, namespace, name, sandboxId, interfaceName, modRevision, why } = input;
  const pod = { uid, namespace, name };
  const stored = await deps.records.attachment(keyOf(input));
  if (stored?.modRevision !== modRevision || stored.value.phase !== 'attached') return false;
  const { network, generation } = stored.value;
  const cure =
    'find out what changes it (a program in the pod, or its plugins) and stop that, then set the interface right by hand or make the pod anew';
  const failure = { code: DRIFT_REMAINS, message: `${why}; ${cure}` };
  await deps.records.putFailure(uid, { v: RECORD_VERSION, interfaceName, generation, ...failure });
  await deps.publishStatus({ ...pod, attached: [], detached: [] });
  await deps.cluster.createEvent(pod, {
    type: 'Warning',
    reason: 'NetworkDriftRemains',
    message: `${interfaceName} of network ${networkKey(network)} is not as podwire made it, and repairing it is given up: ${failure.message}`,
    key: `drift-remains/${sandboxId}/${interfaceName}/${modRevision}`,
  });
  return true;
}

const keyOf = ({ node, uid, sandboxId, interfaceName }: RecordInput): string =>
  attachmentKey({ node, podUid: uid, sandboxId, interfaceName });

/** Whether an earlier attempt of this activity has begun the repair. */
const isBegun = ({ value }: Stored<AttachmentRecord>, { generation }: RepairDriftInput): boolean =>
  value.phase === 'intent' && value.generation === generation + 1;

async function begin(
  records: SweepControlDeps['records'],
  stored: Stored<AttachmentRecord>,
  { modRevision }: RepairDriftInput,
): Promise<Stored<AttachmentRecord> | undefined> {
  if (stored.modRevision !== modRevision || stored.value.phase !== 'attached') return undefined;
  return records.beginRepair(stored);
}
