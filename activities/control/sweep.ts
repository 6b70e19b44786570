/** The sweep's part that needs etcd, the Kubernetes API or Temporal. */
import { attachmentKey } from '../../domain/keys.ts';
import { networkKey } from '../../domain/network-selection.ts';
import type { Cluster, Signals } from '../../domain/ports/cluster.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import type { PodIdentity } from '../../domain/pod-view.ts';
import type { AttachmentRecord, Stored } from '../../domain/records.ts';
import type { RepairDriftInput, SweepControlActivities } from './sweep-inputs.ts';

export interface SweepControlDeps {
  readonly records: Pick<RecordStore, 'attachment' | 'beginRepair'>;
  readonly cluster: Pick<Cluster, 'createEvent' | 'podHasAddress'>;
  readonly signals: Pick<Signals, 'podChanged'>;
  readonly runs: {
    /** Whether a run of the pod is open. */
    isOpen(pod: PodIdentity): Promise<boolean>;
    /** One that is not there is fine. */
    removeSweepSchedule(node: string): Promise<void>;
  };
}

export function createSweepControlActivities(deps: SweepControlDeps): SweepControlActivities {
  return {
    repairDrift: (input) => repairDrift(deps, input),
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
    livingAddresses: async ({ addresses }) => {
      const living = await Promise.all(addresses.map((address) => deps.cluster.podHasAddress(address)));
      return addresses.filter((_address, index) => living[index] === true);
    },
    removeSweepSchedule: ({ node }) => deps.runs.removeSweepSchedule(node),
  };
}

async function repairDrift({ records, cluster, signals }: SweepControlDeps, input: RepairDriftInput): Promise<boolean> {
  const { uid, namespace, name, node, sandboxId, interfaceName, why } = input;
  const pod = { uid, namespace, name };
  const stored = await records.attachment(attachmentKey({ node, podUid: uid, sandboxId, interfaceName }));
  if (stored === undefined) return false;
  const begun = isBegun(stored, input) ? stored : await begin(records, stored, input);
  if (begun === undefined) return false;
  await signals.podChanged(pod, `${interfaceName} drifted`);
  await cluster.createEvent(pod, {
    type: 'Warning',
    reason: 'NetworkDrifted',
    message: `${interfaceName} of network ${networkKey(begun.value.network)} was changed behind podwire's back: ${why}; it is made anew`,
    key: `drifted/${sandboxId}/${interfaceName}/${input.generation}`,
  });
  return true;
}

/** An attempt before this one got so far. */
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
