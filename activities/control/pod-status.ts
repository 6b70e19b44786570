/**
 * What the pod's owner sees: the status annotation and events. Both are made from the records as they are now, and from the annotation as it is now
 * or as the run observed it a few seconds ago: it is read again where nothing would change, and after a conflict.
 */
import { asInSandbox } from '../../domain/status/as-in-sandbox.ts';
import { blockedOnOf, isOutdated, wakeReason } from '../../domain/plan/blocked-on.ts';
import { PodwireError } from '../../domain/failures.ts';
import { ignoredMac } from '../../domain/kaloom/ignored-mac.ts';
import { networkKey, type SelectionProblem } from '../../domain/network-selection.ts';
import {
  besideForeign,
  networkStatus,
  publishedLinks,
  recordedLinks,
  type OwnLink,
  type Refusal,
} from '../../domain/status/podwire-status.ts';
import { mergedNpwgStatus } from '../../domain/npwg/npwg-status.ts';
import { targetOf } from '../../domain/target.ts';
import type { PodIdentity } from '../../domain/pod/pod-view.ts';
import type { PodEvent } from '../../domain/ports/cluster.ts';
import { NPWG_STATUS_ANNOTATION, STATUS_ANNOTATION } from '../../domain/settings.ts';
import { RECORD_VERSION, type AttachmentRecord, type FailureRecord } from '../../domain/records.ts';
import { DRIFT_REMAINS } from '../../domain/sweep/remaining-drift.ts';
import { alreadyBeside, readDesiredState, type DesiredState, type Reading } from './desired-state.ts';
import { sandboxOf } from './observe-pod.ts';
import { inSandbox, withSandbox } from './published-sandbox.ts';
import { wakeWaiting } from './wake-waiting.ts';
import { isKeptForeign, standingRefusals, namedSelections, type NamedSelection } from './named-selections.ts';
import type { RecordDeps } from './attachment-records.ts';
import type { ControlSteps, PublishInput } from './control-contract.ts';

type StatusActivities = Pick<ControlSteps, 'publishStatus' | 'recordRefusal' | 'clearRefusals' | 'writeMark'>;

export function createStatusActivities(deps: RecordDeps): StatusActivities {
  const { records } = deps;
  return {
    publishStatus: async (input) => {
      const seen = await publishStatus(deps, input);
      return input.thenMark === undefined || (await writeMark(deps, { ...input, inputsHash: input.thenMark }, seen));
    },

    recordRefusal: async (input) => {
      const { uid, namespace, name, inputsHash, interfaceName, network, failure } = input;
      const blockedOn = blockedOnOf(input);
      await records.putRefusal(uid, {
        v: RECORD_VERSION,
        namespace,
        name,
        inputsHash,
        network,
        interfaceName,
        code: failure.code,
        message: failure.message,
        ...blockedOn,
      });
      // A VNI that was freed, or a file that was changed, before this refusal was written has woken nobody.
      if (!(await isOutdated({ ...blockedOn, podUid: uid, network }, records, deps.hash))) return;
      // The network's other pods waited until every one of them is refused, and this refusal was the last.
      if (blockedOn.waitsForTunnel !== undefined) await wakeWaiting(deps, { network, tunnels: [], addresses: [] });
      else await deps.signals.podChanged({ uid, namespace, name }, wakeReason(blockedOn));
    },

    clearRefusals: ({ uid }) => records.deleteRefusals(uid),

    writeMark: (input) => writeMark(deps, input),
  };
}

/** What a pod wants, and what is recorded of it. */
interface Basis {
  readonly desiredState: DesiredState;
  readonly attachments: readonly AttachmentRecord[];
  /** Tells one life of an attachment from the next. A generation would not do: generations begin anew with each record. */
  readonly revisionOf: (record: AttachmentRecord) => string;
  readonly allDesired: readonly NamedSelection[];
  /** The pod's present sandbox; undefined: not known. */
  readonly sandboxId: string | undefined;
  /** Recorded ones, and those that are decided anew each time. */
  readonly refusals: readonly Refusal[];
  /** Why podwire leaves interfaces that another runtime attached and that the annotation does not ask for any more. */
  readonly foreignKept: readonly Refusal[];
  readonly failures: readonly FailureRecord[];
  /** podwire is being taken out of the cluster: the status annotation goes with the last attachment. */
  readonly tornDown: boolean;
}

async function basisOf(deps: RecordDeps, reading: Reading): Promise<Basis> {
  const { pod } = reading;
  const target = targetOf(pod, deps.settings.agents.backend);
  const recorded = await withSandbox(deps.records, pod, target, await deps.records.pod(pod.uid, target));
  const desiredState = inSandbox(reading.beside(recorded), recorded);
  const attachments = recorded.attachments.map(({ value }) => value);
  const allDesired = namedSelections(deps.hash, desiredState, attachments, recorded.refusals);
  const current = standingRefusals(deps.hash, recorded.refusals, desiredState, allDesired, attachments);
  const revisions = new Map(recorded.attachments.map(({ value, modRevision }) => [value, modRevision]));
  return {
    desiredState,
    attachments,
    revisionOf: (record) => revisions.get(record) ?? '',
    allDesired,
    sandboxId: sandboxOf(reading, target, recorded),
    refusals: [...current.filter((refusal) => !isKeptForeign(refusal, desiredState)), ...conflictsOf(allDesired)],
    foreignKept: current.filter((refusal) => isKeptForeign(refusal, desiredState)),
    failures: recorded.failures,
    tornDown: recorded.tornDown,
  };
}

/**
 * False: the pod's inputs have changed.
 * @param seen what the status was made from a moment ago
 */
async function writeMark(
  deps: RecordDeps,
  input: PodIdentity & { readonly inputsHash: string },
  seen?: Basis,
): Promise<boolean> {
  const { records } = deps;
  // A change of the inputs since they were read is signalled: this run goes on, or the next run removes the converged record.
  const ofRun = seen?.desiredState ?? deps.recent.ofRun(input.uid);
  const reading = ofRun?.inputsHash === input.inputsHash ? alreadyBeside(ofRun) : await readDesiredState(deps, input);
  // The pod is gone: nothing has to be compared with its records later.
  if (reading === undefined) {
    await Promise.all([records.deleteRefusals(input.uid), records.deleteFailures(input.uid)]);
    return input.inputsHash === '';
  }
  if (reading.inputsHash !== input.inputsHash) return false;
  const { pod } = reading;
  const isSeen = seen?.desiredState.inputsHash === input.inputsHash;
  const { attachments } = isSeen ? seen : await basisOf(deps, reading);
  await records.putConverged(input.uid, {
    v: RECORD_VERSION,
    namespace: pod.namespace,
    name: pod.name,
    node: pod.nodeName,
    inputsHash: input.inputsHash,
    sandboxId: attachments[0]?.sandboxId ?? '',
  });
  return true;
}

/** Others write the pod too, the kubelet above all. After each conflict everything is read again. */
const MAX_CONFLICTS = 4;

/** Undefined: the pod is gone. */
async function publishStatus(deps: RecordDeps, input: PublishInput): Promise<Basis | undefined> {
  let recent = deps.recent.ofRun(input.uid);
  // A link that was detached since then is not recorded any more, but its entry in the shared status is still podwire's.
  const earlier = recent?.recorded ?? [];
  for (let conflicts = 0; ; conflicts += 1) {
    const reading = recent === undefined ? await readDesiredState(deps, input) : alreadyBeside(recent);
    if (reading === undefined) return undefined;
    const basis = await basisOf(deps, reading);
    const facts: Facts = { ...basis, input, waiting: waitingOf(basis), earlier };
    const ordered = inAnnotationOrder(basis).map((record) => asInSandbox(record, basis.sandboxId));
    const written = await writeAnnotations(deps, ordered, facts);
    if (written === 'gone') return undefined;
    // Only a pod that was read now can show that there is nothing to write.
    const unsure = written === 'unchanged' && recent !== undefined;
    recent = undefined;
    if (unsure) continue;
    if (written === 'conflict') {
      if (conflicts < MAX_CONFLICTS) continue;
      throw new PodwireError(
        'ApiUnavailable',
        `pod ${input.namespace}/${input.name} is written all the time by others`,
      );
    }
    await Promise.all(eventsOf(facts).map((event) => deps.cluster.createEvent(input, event)));
    return basis;
  }
}

async function writeAnnotations(
  deps: RecordDeps,
  ordered: readonly AttachmentRecord[],
  { input, desiredState, attachments, failures, refusals, foreignKept, waiting, earlier, tornDown }: Facts,
): Promise<'patched' | 'unchanged' | 'gone' | 'conflict'> {
  const { pod, parsed } = desiredState;
  const status = tornDown
    ? networkStatus(ordered, failures, [], [])
    : besideForeign(
        networkStatus(ordered, failures, refusals, parsed.problems, waiting),
        parsed.foreign,
        deps.settings.npwg.adoptForeign,
        [...foreignKept, ...failures],
      );
  const text = JSON.stringify(status);
  const untouched = status.length === 0 && pod.publishedStatus === undefined;
  const links = [...publishedLinks(pod.publishedStatus), ...recordedLinks(attachments), ...earlier];
  const npwg = mergedNpwgStatus(pod.npwgStatus, links, ordered, pod.podIPs);
  const changed = {
    ...(untouched || text === pod.publishedStatus
      ? {}
      : { [STATUS_ANNOTATION]: tornDown && status.length === 0 ? null : text }),
    ...(npwg === undefined ? {} : { [NPWG_STATUS_ANNOTATION]: npwg }),
  };
  if (Object.keys(changed).length === 0) return 'unchanged';
  // Only the shared annotation needs protection from other writers.
  return deps.cluster.publishStatus(input, changed, npwg === undefined ? undefined : pod.resourceVersion);
}

/** Desired networks for what another dialect of the same pod has. This is decided anew each time, so nothing is recorded. */
const conflictsOf = (allDesired: readonly NamedSelection[]): Refusal[] =>
  allDesired.flatMap(({ conflict, interfaceName, selection: { network } }) =>
    conflict === undefined ? [] : [{ ...conflict, interfaceName, network }],
  );

/** Desired networks for which nothing is recorded yet because the pod's sandbox is not known, with the reason for that. */
function waitingOf({ allDesired, attachments, refusals, failures }: Basis): Refusal[] {
  const settled = new Set([...attachments, ...refusals].map(({ interfaceName }) => interfaceName));
  return allDesired.flatMap(({ interfaceName, selection: { network } }) => {
    const failure = failures.find((candidate) => candidate.interfaceName === interfaceName);
    if (failure === undefined || settled.has(interfaceName)) return [];
    return [{ interfaceName, network, code: failure.code, message: failure.message }];
  });
}

function inAnnotationOrder({ attachments, allDesired }: Basis): AttachmentRecord[] {
  const order = allDesired.map(({ interfaceName }) => interfaceName);
  const position = (record: AttachmentRecord): number => {
    const index = order.indexOf(record.interfaceName);
    return index === -1 ? order.length : index;
  };
  return [...attachments].sort((a, b) => position(a) - position(b));
}

interface Facts extends Basis {
  readonly input: PublishInput;
  readonly waiting: readonly Refusal[];
  /** podwire's links as they were recorded when the run began. */
  readonly earlier: readonly OwnLink[];
}

/** A mistake in the annotation is told once, and not again when the pod starts or gets an address. */
function eventsOf(facts: Facts): PodEvent[] {
  const { input, desiredState, attachments, revisionOf, refusals, failures, waiting } = facts;
  const { askedHash, parsed } = desiredState;
  return [
    ...parsed.problems.map((problem) => problemEvent(problem, 'NetworkRefused', askedHash)),
    ...parsed.warnings.map((warning) => problemEvent(warning, 'NetworkWarning', askedHash)),
    ...refusals.map((refusal): PodEvent => ({
      type: 'Warning',
      reason: 'NetworkRefused',
      message: `${refusal.interfaceName}: ${refusal.message}`,
      key: `refused/${refusal.interfaceName}/${refusal.code}/${askedHash}/${refusal.message}`,
    })),
    ...foreignEvents(facts),
    ...attachments.flatMap((record) =>
      failures
        // Drift that remains is told by the sweep that finds it.
        .filter((failure) => failure.interfaceName === record.interfaceName && failure.code !== DRIFT_REMAINS)
        .map((failure) => failureEvent(record, revisionOf(record), failure)),
    ),
    ...waiting.map(({ interfaceName, network, code, message }): PodEvent => ({
      type: 'Warning',
      reason: 'NetworkAttachFailing',
      message: `cannot attach ${interfaceName} (network ${networkKey(network)}): ${code}: ${message}; retrying`,
      key: `waiting/${interfaceName}/${code}/${askedHash}/${message}`,
    })),
    ...attachments
      .filter((record) => wasAttached(record, input))
      .flatMap((record) => [attachedEvent(record, revisionOf(record)), ...warningEvents(record, revisionOf(record))]),
    ...input.detached.map(({ interfaceName, network, revision }): PodEvent => ({
      type: 'Normal',
      reason: 'NetworkDetached',
      message: `detached ${interfaceName} from network ${networkKey(network)}`,
      key: `detached/${interfaceName}/${networkKey(network)}/${revision}/${input.uid}`,
    })),
    ...(input.left ?? []).map(({ interfaceName, warning, revision }): PodEvent => ({
      type: 'Warning',
      reason: 'NetworkWarning',
      message: `${interfaceName}: ${warning.message}`,
      key: `left/${interfaceName}/${warning.code}/${revision}/${input.uid}`,
    })),
  ];
}

/** Events about interfaces that another runtime attached and that the annotation does not ask for any more. */
function foreignEvents({ desiredState: { askedHash, parsed }, foreignKept, failures }: Facts): PodEvent[] {
  return (parsed.foreign ?? []).flatMap(({ interfaceName, takenOut }): PodEvent[] => {
    const isAbout = (each: { readonly interfaceName: string }): boolean => each.interfaceName === interfaceName;
    const kept = foreignKept.find(isAbout);
    const failure = failures.find(isAbout);
    if (takenOut === undefined || (kept ?? failure) === undefined) return [];
    const network = networkKey(takenOut);
    const { reason, message } =
      kept === undefined
        ? {
            reason: 'NetworkDetachFailing' as const,
            message: `cannot detach ${interfaceName} (network ${network}): ${failure?.code}: ${failure?.message}; retrying`,
          }
        : {
            reason: 'NetworkWarning' as const,
            message: `${interfaceName} stays attached to network ${network} by another runtime: ${kept.message}`,
          };
    return [{ type: 'Warning', reason, message, key: `foreign/${interfaceName}/${askedHash}/${message}` }];
  });
}

const wasAttached = (record: AttachmentRecord, input: PublishInput): boolean =>
  record.phase === 'attached' && input.attached.some((attached) => attached.interfaceName === record.interfaceName);

function attachedEvent(record: AttachmentRecord, revision: string): PodEvent {
  const addresses = record.result?.addresses.join(', ') ?? '';
  return {
    type: 'Normal',
    reason: 'NetworkAttached',
    message: `attached ${record.interfaceName} to network ${networkKey(record.network)}${addresses === '' ? '' : ` with ${addresses}`}`,
    key: `attached/${record.sandboxId}/${record.interfaceName}/${revision}`,
  };
}

/** Warnings about an interface that works but is not quite as it should be. */
function warningEvents(record: AttachmentRecord, revision: string): PodEvent[] {
  const { sandboxId, interfaceName } = record;
  return [ignoredMac(record), record.result?.warning]
    .filter((warning) => warning !== undefined)
    .map(({ code, message }) => ({
      type: 'Warning',
      reason: 'NetworkWarning',
      message: `${interfaceName}: ${message}`,
      key: `warning/${sandboxId}/${interfaceName}/${revision}/${code}`,
    }));
}

function failureEvent(record: AttachmentRecord, revision: string, failure: FailureRecord): PodEvent {
  const { interfaceName, sandboxId, phase } = record;
  const verb = phase === 'removing' ? 'detach' : 'attach';
  return {
    type: 'Warning',
    reason: phase === 'removing' ? 'NetworkDetachFailing' : 'NetworkAttachFailing',
    message: `cannot ${verb} ${interfaceName} (network ${networkKey(record.network)}): ${failure.code}: ${failure.message}; retrying`,
    key: `failing/${sandboxId}/${interfaceName}/${revision}/${failure.code}/${failure.message}`,
  };
}

function problemEvent(
  problem: SelectionProblem,
  reason: 'NetworkRefused' | 'NetworkWarning',
  askedHash: string,
): PodEvent {
  const where = problem.line === undefined ? '' : ` (line ${problem.line})`;
  return {
    type: 'Warning',
    reason,
    message: `${problem.message}${where}`,
    key: `problem/${askedHash}/${problem.code}/${problem.network ?? ''}/${problem.option ?? ''}/${problem.line ?? ''}/${problem.value ?? ''}/${problem.message}`,
  };
}
