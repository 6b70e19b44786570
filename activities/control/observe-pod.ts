/** observePod: deletes the converged mark, then reads everything a plan needs (decision 5: in this order). */
import type { Observation, PodPresence, WishedAttachment } from '../../domain/observation.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import type { AttachmentRecord, RefusalRecord, Stored } from '../../domain/records.ts';
import { linkHashes, readDesired, vtepOf, type Desired, type DesiredDeps, type RecentDesired } from './desired.ts';
import type { ControlActivities } from './inputs.ts';

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
      wished: desired === undefined ? [] : wishes(deps, desired, refusals),
      known: known.map((stored) => summary(deps, stored)),
      // A mistake in an edit must not cost a network that works: what is attached under its name stays until it is right again.
      keep: desired === undefined ? [] : [...desired.parsed.keep, ...problems.flatMap(({ network }) => network ?? [])],
      keepAll: problems.some(({ network }) => network === undefined),
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

function wishes(deps: ObserveDeps, desired: Desired, refusals: readonly RefusalRecord[]): WishedAttachment[] {
  const vtep = vtepOf(desired.pod) ?? '';
  return desired.parsed.selections.map(({ network, link }) => {
    const refusal = refusals.find(
      (candidate) => candidate.interfaceName === link.interfaceName && candidate.inputsHash === desired.inputsHash,
    );
    return {
      interfaceName: link.interfaceName,
      network,
      ...linkHashes(deps.hash, link, vtep),
      ...(refusal === undefined ? {} : { refused: { code: refusal.code, message: refusal.message } }),
    };
  });
}

function summary(deps: ObserveDeps, { value, modRevision }: Stored<AttachmentRecord>): Observation['known'][number] {
  return {
    node: value.node,
    sandboxId: value.sandboxId,
    interfaceName: value.link.interfaceName,
    network: value.network,
    ...linkHashes(deps.hash, value.link, value.vtep),
    phase: value.phase,
    generation: value.generation,
    modRevision,
    completed: value.result !== undefined,
  };
}
