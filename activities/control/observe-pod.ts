/** observePod: deletes the converged mark, then reads the pod (decision 5: in this order), and everything else a plan needs. */
import { execSandboxId, runningAgent, shutGate, type AgentIdentity } from '../../domain/agents.ts';
import { keepName, type Observation, type PodPresence, type WishedAttachment } from '../../domain/observation.ts';
import { isExecPlace, placeOf } from '../../domain/place.ts';
import type { PodRecords, RecordStore } from '../../domain/ports/record-store.ts';
import type { AttachmentRecord, RefusalRecord, Stored } from '../../domain/records.ts';
import { readDesired, vtepOf, type Desired, type DesiredDeps } from './desired.ts';
import { ofRecord } from './fingerprints.ts';
import type { ControlSteps } from './inputs.ts';
import type { RecentlyObserved } from './recently-observed.ts';
import { wishesOf } from './wishes.ts';

export interface ObserveDeps extends DesiredDeps {
  readonly records: RecordStore;
  readonly recent: RecentlyObserved;
}

export function createObservePod(deps: ObserveDeps): ControlSteps['observePod'] {
  return async (input) => {
    const { agents } = deps.settings;
    const expected = placeOf({ nodeName: input.node ?? '', namespace: input.namespace }, agents.backend);
    // Only this run writes the records, but for those who signal it afterwards: they need not be read after the pod.
    const [desired, early] = await Promise.all([
      deps.records.deleteMark(input.uid).then(() => readDesired(deps, input, input.definitions)),
      deps.records.pod(input.uid, expected),
    ]);
    const node = desired === undefined ? '' : placeOf(desired.pod, agents.backend);
    const isWhereExpected = desired === undefined || node === expected;
    const recorded = isWhereExpected ? early : await deps.records.pod(input.uid, node);
    const { attachments: known, refusals } = recorded;
    if (desired !== undefined) deps.recent.put(desired, recorded);
    const agent = desired === undefined || !isExecPlace(node) ? undefined : runningAgent(desired.pod);
    const problems = desired?.parsed.problems ?? [];
    // The other dialects say themselves what stays.
    const openvnf = problems.filter(({ dialect = 'openvnf' }) => dialect === 'openvnf');
    return {
      presence: presenceOf(desired, isExecPlace(node)),
      node,
      inputsHash: desired?.inputsHash ?? '',
      sandboxId: sandboxOf(desired, node, recorded),
      wished: desired === undefined ? [] : wishes(deps, desired, known, refusals),
      known: known.map((stored) => summary(deps, stored, agent)),
      // A mistake in an edit must not cost a network that works: what is attached under its name stays until it is right again.
      keep: desired === undefined ? [] : [...desired.parsed.keep, ...openvnf.flatMap(({ network }) => network ?? [])],
      keepAll: openvnf.some(({ network }) => network === undefined),
      ...gateOf(desired, agents.gateOnRefusal),
      problems: problems.length,
    };
  };
}

/** The exec backend sees its sandboxes in the API, the others are published by their nodes. */
function sandboxOf(desired: Desired | undefined, place: string, { sandbox }: PodRecords): string | undefined {
  if (desired === undefined || place === '') return undefined;
  return isExecPlace(place) ? execSandboxId(desired.pod) : sandbox?.sandboxId;
}

/** Only a pod that waits for podwire: one that asks for nothing of kube-vxlan-controller's is none of ours. */
function gateOf(desired: Desired | undefined, onRefusal: 'open' | 'shut'): Pick<Observation, 'gate'> {
  const gate = desired === undefined || desired.pod.phaseClass !== 'counts' ? undefined : shutGate(desired.pod);
  return gate === undefined ? {} : { gate: { containerId: gate.containerId, onRefusal } };
}

function presenceOf(desired: Desired | undefined, exec: boolean): PodPresence {
  if (desired === undefined) return 'absent';
  const { pod } = desired;
  if (pod.phaseClass === 'ended') return 'ended';
  if (pod.hostNetwork) return 'host-network';
  // Between two agent containers there is no way in, and nothing is known to be wrong.
  if (exec && runningAgent(pod) === undefined) return 'waiting';
  return pod.phaseClass === 'waiting' || vtepOf(pod) === undefined ? 'waiting' : 'live';
}

function wishes(
  deps: ObserveDeps,
  desired: Desired,
  known: readonly Stored<AttachmentRecord>[],
  refusals: readonly RefusalRecord[],
): WishedAttachment[] {
  const records = known.map(({ value }) => value);
  return wishesOf(deps.hash, desired, records).map(
    ({ selection, index, interfaceName, linkHash, tunnelHash, conflict }) => {
      const refusal = refusals.find(
        (candidate) => candidate.interfaceName === interfaceName && candidate.inputsHash === desired.inputsHash,
      );
      const refused = conflict ?? refusal;
      return {
        kind: selection.kind,
        selection: index,
        interfaceName,
        network: selection.network,
        linkHash,
        tunnelHash,
        ...(refused === undefined ? {} : { refused: { code: refused.code, message: refused.message } }),
      };
    },
  );
}

function summary(
  deps: ObserveDeps,
  { value, modRevision }: Stored<AttachmentRecord>,
  agent: AgentIdentity | undefined,
): Observation['known'][number] {
  return {
    kind: value.kind,
    keepName: keepName(value),
    node: value.node,
    sandboxId: value.sandboxId,
    interfaceName: value.interfaceName,
    network: value.network,
    ...ofRecord(deps.hash, value),
    phase: value.phase,
    generation: value.generation,
    modRevision,
    ...(agent !== undefined && value.agent?.containerId !== agent.containerId ? { unverified: true } : {}),
    ...(value.kind === 'vxlan' && value.phase === 'intent' && value.lastGood !== undefined
      ? { hasLastGood: true }
      : {}),
    completed: value.result !== undefined,
  };
}
