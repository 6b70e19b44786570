/** What the pod's owner sees: the status annotation and events, both made from records and from the annotation as it is now. */
import { networkKey, type SelectionProblem } from '../../domain/network-selection.ts';
import { networkStatus } from '../../domain/network-status.ts';
import type { PodEvent } from '../../domain/ports/cluster.ts';
import { RECORD_VERSION, type AttachmentRecord, type FailureRecord, type RefusalRecord } from '../../domain/records.ts';
import { readDesired, type Desired } from './desired.ts';
import type { RecordDeps } from './attachment-records.ts';
import type { ControlActivities, PublishInput } from './inputs.ts';

type StatusActivities = Pick<ControlActivities, 'publishStatus' | 'recordRefusal' | 'clearRefusals' | 'writeMark'>;

export function createStatusActivities(deps: RecordDeps): StatusActivities {
  const { records } = deps;
  return {
    publishStatus: (input) => publishStatus(deps, input),

    recordRefusal: ({ uid, namespace, name, inputsHash, interfaceName, network, failure, waitsForVni }) =>
      records.putRefusal(uid, {
        v: RECORD_VERSION,
        namespace,
        name,
        inputsHash,
        network,
        interfaceName,
        code: failure.code,
        message: failure.message,
        ...(waitsForVni === undefined ? {} : { waitsForVni }),
      }),

    clearRefusals: ({ uid }) => records.deleteRefusals(uid),

    writeMark: async (input) => {
      const desired = await readDesired(deps, input);
      // No pod: nothing to compare with later, so nothing to keep.
      if (desired === undefined) {
        await records.deleteRefusals(input.uid);
        return input.inputsHash === '';
      }
      if (desired.inputsHash !== input.inputsHash) return false;
      const { pod } = desired;
      const known = await records.podAttachments(input.uid, pod.nodeName);
      const refused = desired.parsed.problems.length > 0 || (await currentRefusals(deps, desired)).length > 0;
      await records.putMark(input.uid, {
        v: RECORD_VERSION,
        namespace: pod.namespace,
        name: pod.name,
        node: pod.nodeName,
        inputsHash: input.inputsHash,
        outcome: refused ? 'refused' : 'converged',
        sandboxId: known[0]?.value.sandboxId ?? '',
        interfaces: known.map((stored) => stored.value.link.interfaceName),
      });
      return true;
    },
  };
}

async function currentRefusals(deps: RecordDeps, desired: Desired): Promise<RefusalRecord[]> {
  const all = await deps.records.refusals(desired.pod.uid);
  return all.filter((refusal) => refusal.inputsHash === desired.inputsHash);
}

async function publishStatus(deps: RecordDeps, input: PublishInput): Promise<void> {
  const desired = await readDesired(deps, input);
  if (desired === undefined) return;
  const known = (await deps.records.podAttachments(input.uid, desired.pod.nodeName)).map((stored) => stored.value);
  const [refusals, failures] = await Promise.all([currentRefusals(deps, desired), deps.records.failures(input.uid)]);
  const status = networkStatus(inAnnotationOrder(known, desired), failures, refusals, desired.parsed.problems);
  const text = JSON.stringify(status);
  const untouched = status.length === 0 && desired.pod.publishedStatus === undefined;
  if (!untouched && text !== desired.pod.publishedStatus) {
    if ((await deps.cluster.publishStatus(input, text)) === 'gone') return;
  }
  for (const event of eventsOf({ input, desired, known, refusals, failures }))
    await deps.cluster.createEvent(input, event);
}

function inAnnotationOrder(records: readonly AttachmentRecord[], desired: Desired): AttachmentRecord[] {
  const order = desired.parsed.selections.map((selection) => selection.link.interfaceName);
  const position = (record: AttachmentRecord): number => {
    const index = order.indexOf(record.link.interfaceName);
    return index === -1 ? order.length : index;
  };
  return [...records].sort((a, b) => position(a) - position(b));
}

interface Facts {
  readonly input: PublishInput;
  readonly desired: Desired;
  readonly known: readonly AttachmentRecord[];
  readonly refusals: readonly RefusalRecord[];
  readonly failures: readonly FailureRecord[];
}

function eventsOf({ input, desired, known, refusals, failures }: Facts): PodEvent[] {
  const { inputsHash, parsed } = desired;
  return [
    ...parsed.problems.map((problem) => problemEvent(problem, 'Warning', inputsHash)),
    ...parsed.warnings.map((warning) => problemEvent(warning, 'Warning', inputsHash)),
    ...refusals.map((refusal): PodEvent => ({
      type: 'Warning',
      reason: 'NetworkRefused',
      message: `${refusal.interfaceName}: ${refusal.message}`,
      key: `refused/${refusal.interfaceName}/${refusal.code}/${inputsHash}`,
    })),
    ...known.flatMap((record) =>
      failures
        .filter((failure) => failure.interfaceName === record.link.interfaceName)
        .map((failure) => failureEvent(record, failure)),
    ),
    ...known.filter((record) => wasAttached(record, input)).map(attachedEvent),
    ...input.detached.map(({ interfaceName, network, generation }): PodEvent => ({
      type: 'Normal',
      reason: 'NetworkDetached',
      message: `detached ${interfaceName} from network ${networkKey(network)}`,
      key: `detached/${interfaceName}/${networkKey(network)}/${generation}/${input.uid}`,
    })),
  ];
}

const wasAttached = (record: AttachmentRecord, input: PublishInput): boolean =>
  record.phase === 'attached' &&
  input.attached.some((attached) => attached.interfaceName === record.link.interfaceName);

function attachedEvent(record: AttachmentRecord): PodEvent {
  const addresses = record.result?.addresses.join(', ') ?? '';
  return {
    type: 'Normal',
    reason: 'NetworkAttached',
    message: `attached ${record.link.interfaceName} to network ${networkKey(record.network)}${addresses === '' ? '' : ` with ${addresses}`}`,
    key: `attached/${record.sandboxId}/${record.link.interfaceName}/${record.generation}`,
  };
}

function failureEvent(record: AttachmentRecord, failure: FailureRecord): PodEvent {
  const { link, generation, sandboxId, phase } = record;
  const verb = phase === 'removing' ? 'detach' : 'attach';
  return {
    type: 'Warning',
    reason: phase === 'removing' ? 'NetworkDetachFailing' : 'NetworkAttachFailing',
    message: `cannot ${verb} ${link.interfaceName} (network ${networkKey(record.network)}): ${failure.code}: ${failure.message}; retrying`,
    key: `failing/${sandboxId}/${link.interfaceName}/${generation}/${failure.code}`,
  };
}

function problemEvent(problem: SelectionProblem, type: PodEvent['type'], inputsHash: string): PodEvent {
  const place = problem.line === undefined ? '' : ` (line ${problem.line})`;
  return {
    type,
    reason: 'NetworkRefused',
    message: `${problem.message}${place}`,
    key: `problem/${inputsHash}/${problem.code}/${problem.network ?? ''}/${problem.option ?? ''}/${problem.line ?? ''}/${problem.value ?? ''}`,
  };
}
