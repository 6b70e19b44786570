/** The orchestrator's activities as tests have them: the records are real, the cluster and the signals are the test's. */
import assert from 'node:assert/strict';
import { createControlActivities } from '../../activities/control/index.ts';
import type { ControlSteps, IntentInput } from '../../activities/control/control-contract.ts';
import { inputsHash } from '../../adapters/hash/inputs-hash.ts';
import { md5 } from '../../adapters/hash/md5.ts';
import { ipCodec } from '../../adapters/ip/ip-codec.ts';
import { intentRequest } from '../../domain/plan/intent-request.ts';
import type { Observation } from '../../domain/plan/observation.ts';
import type { PodIdentity } from '../../domain/pod/pod-view.ts';
import type { Cluster, Signals } from '../../domain/ports/cluster.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import type { AttachmentRecord } from '../../domain/records.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../domain/settings.ts';

export const controlOver = (records: RecordStore, cluster: Cluster, signals: Signals): ControlSteps =>
  createControlActivities({
    ...{ cluster, records, signals, ip: ipCodec, settings: DEFAULT_DIALECT_SETTINGS, hash: inputsHash, md5 },
    nodeGoneSeconds: 1,
  });

/** What a run asks for of the pod's only wish after it looked. */
export function intentOver({ uid, namespace, name }: PodIdentity, observation: Observation): IntentInput {
  const [desired] = observation.wished;
  assert.ok(desired, 'the pod wishes for nothing');
  const owner = { workflowId: `pod/${uid}`, runId: 'run' };
  return { uid, namespace, name, ...intentRequest(observation, desired, observation.sandboxId ?? '', owner) };
}

/** Signals that nobody gets. */
export const NO_SIGNALS: Signals = { membersChanged: async () => undefined, podChanged: async () => undefined };

/** How a run names an attachment to the activities that work on its record. */
export const inputOf = ({ podUid: uid, namespace, name, node, sandboxId, interfaceName }: AttachmentRecord) => ({
  ...{ uid, namespace, name, node, sandboxId, interfaceName },
});
