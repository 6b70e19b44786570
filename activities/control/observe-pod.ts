/** observePod: deletes the converged mark, then reads everything a plan needs (decision 5: in this order). */
import { keepName, type Observation, type PodPresence, type WishedAttachment } from '../../domain/observation.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import type { AttachmentRecord, RefusalRecord, Stored } from '../../domain/records.ts';
import { readDesired, vtepOf, type Desired, type DesiredDeps, type RecentDesired } from './desired.ts';
import { ofRecord } from './fingerprints.ts';
import type { ControlActivities } from './inputs.ts';
import { wishesOf } from './wishes.ts';

export interface ObserveDeps extends DesiredDeps {
  readonly records: RecordStore;
  readonly recent: RecentDesired;
}

export function createObservePod(deps: ObserveDeps): ControlActivities['observePod'] {
  return async (input) => {
    const { records } = deps;
    await records.deleteMark(input.uid);
    const desired = await readDesired(deps, input);
    if (desired !== undefined) deps.recent.put(desired);
    const node = desired?.pod.nodeName ?? '';
    const problems = desired?.parsed.problems ?? [];
    // The other dialects say themselves what stays.
    const openvnf = problems.filter(({ dialect = 'openvnf' }) => dialect === 'openvnf');
    const [known, sandbox, refusals] = await Promise.all([
      records.podAttachments(input.uid, node),
      node === '' ? undefined : records.sandbox(node, input.uid),
      records.refusals(input.uid),
    ]);
    return {
      presence: presenceOf(desired),
      node,
      inputsHash: desired?.inputsHash ?? '',
      sandboxId: sandbox?.sandboxId,
      wished: desired === undefined ? [] : wishes(deps, desired, known, refusals),
      known: known.map((stored) => summary(deps, stored)),
      // A mistake in an edit must not cost a network that works: what is attached under its name stays until it is right again.
      keep: desired === undefined ? [] : [...desired.parsed.keep, ...openvnf.flatMap(({ network }) => network ?? [])],
      keepAll: openvnf.some(({ network }) => network === undefined),
      problems: problems.length,
    };
  };
}

function presenceOf(desired: Desired | undefined): PodPresence {
  if (desired === undefined) return 'absent';
  const { pod } = desired;
  if (pod.phaseClass === 'ended') return 'ended';
  if (pod.hostNetwork) return 'host-network';
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

function summary(deps: ObserveDeps, { value, modRevision }: Stored<AttachmentRecord>): Observation['known'][number] {
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
    completed: value.result !== undefined,
  };
}
