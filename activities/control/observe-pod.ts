/** observePod: deletes the converged record, then reads the pod, in this order (ADR 31), and everything else that a plan needs. */
import { execSandboxId, runningAgent, shutGate, type AgentIdentity } from '../../domain/pod/agents.ts';
import { isOutdated } from '../../domain/plan/blocked-on.ts';
import { keepAll } from '../../domain/plan/keep.ts';
import { isDecidedAnew } from '../../domain/plan/held.ts';
import { hasLastGood } from '../../domain/plan/last-good.ts';
import { keepName, type Observation, type PodPresence, type DesiredAttachment } from '../../domain/plan/observation.ts';
import { isExecTarget, targetOf } from '../../domain/target.ts';
import type { PodIdentity } from '../../domain/pod/pod-view.ts';
import type { PodRecords, RecordStore } from '../../domain/ports/record-store.ts';
import type { AttachmentRecord, RecordedRefusal, RefusalRecord, Stored } from '../../domain/records.ts';
import { readDesiredState, vtepOf, type DesiredState, type DesiredStateDeps, type Reading } from './desired-state.ts';
import { ofRecord } from './fingerprints.ts';
import type { ControlSteps } from './control-contract.ts';
import { inSandbox, withSandbox } from './published-sandbox.ts';
import type { RecentlyObserved } from './recently-observed.ts';
import { isKeptForeign, judgedSelections } from './named-selections.ts';

export interface ObserveDeps extends DesiredStateDeps {
  readonly records: RecordStore;
  readonly recent: RecentlyObserved;
}

export function createObservePod(deps: ObserveDeps): ControlSteps['observePod'] {
  return async (input) => {
    const { agents } = deps.settings;
    const expected = targetOf({ nodeName: input.node ?? '', namespace: input.namespace }, agents.backend);
    // The records need not be read after the pod: whoever else writes them signals this run afterwards.
    const early = await deps.records.podUnmarked(input.uid, expected);
    const reading = await readDesiredState(deps, input, input.definitions);
    const node = reading === undefined ? '' : targetOf(reading.pod, agents.backend);
    const isWhereExpected = reading === undefined || node === expected;
    const byUid = isWhereExpected ? early : await deps.records.pod(input.uid, node);
    const recorded = await withSandbox(deps.records, reading?.pod, node, byUid);
    const desiredState = besideRecords(reading, recorded);
    const refusals = await forgetOver(deps, input.uid, desiredState, recorded.refusals);
    if (desiredState !== undefined) deps.recent.put(desiredState, recorded);
    return withoutEnding(observationOf(deps, desiredState, node, { ...recorded, refusals }), input.ending);
  };
}

type LookDeps = Omit<ObserveDeps, 'recent'>;

/** Makes the same observation without changing anything: the converged record stays. */
export function createObserveOnly(deps: LookDeps): (pod: PodIdentity) => Promise<Observation> {
  return async (identity) => {
    const reading = await readDesiredState(deps, identity);
    const node = reading === undefined ? '' : targetOf(reading.pod, deps.settings.agents.backend);
    const byUid = await deps.records.pod(identity.uid, node);
    const recorded = await withSandbox(deps.records, reading?.pod, node, byUid);
    return observationOf(deps, besideRecords(reading, recorded), node, recorded);
  };
}

function besideRecords(reading: Reading | undefined, recorded: PodRecords): DesiredState | undefined {
  return reading === undefined ? undefined : inSandbox(reading.beside(recorded), recorded);
}

/** What holds while a sandbox is being taken down, and no other has come in its place. */
function withoutEnding(observation: Observation, ending: string | undefined): Observation {
  const { sandboxId } = observation;
  if (ending === undefined || (sandboxId !== undefined && sandboxId !== ending)) return observation;
  return { ...observation, sandboxId: undefined, endingSandboxId: ending };
}

function observationOf(
  deps: LookDeps,
  desiredState: DesiredState | undefined,
  node: string,
  recorded: PodRecords,
): Observation {
  const { attachments, refusals, tornDown } = recorded;
  const agent = desiredState === undefined || !isExecTarget(node) ? undefined : runningAgent(desiredState.pod);
  // When podwire is taken out of the cluster, every network goes, whatever the pod's annotation says.
  const keep = tornDown ? [] : (desiredState?.parsed.keep ?? []);
  return {
    presence: presenceOf(desiredState, isExecTarget(node)),
    node,
    ...inRuntime(desiredState),
    inputsHash: desiredState?.inputsHash ?? '',
    sandboxId: sandboxOf(desiredState, node, recorded),
    wished: desiredState === undefined || tornDown ? [] : desiredOfPod(deps, desiredState, attachments, refusals),
    ...takeOverOf(deps, desiredState, node, recorded),
    known: attachments.map((stored) => summary(deps, stored, agent)),
    keep,
    keepAll: keep.includes(keepAll('openvnf')),
    ...(tornDown ? {} : gateOf(desiredState, deps.settings.agents.gateOnRefusal)),
    problems: tornDown ? 0 : (desiredState?.parsed.problems.length ?? 0),
  };
}

/** What is to be taken over from another runtime, without what was tried in vain for these very inputs. */
function takeOverOf(
  { settings }: LookDeps,
  desiredState: DesiredState | undefined,
  node: string,
  { refusals, tornDown }: PodRecords,
): Pick<Observation, 'takeOver'> {
  if (desiredState === undefined || !settings.npwg.adoptForeign || tornDown || isExecTarget(node)) return {};
  const wasRefused = (interfaceName: string): boolean =>
    refusals.some((refusal) => isKeptForeign(refusal, desiredState) && refusal.interfaceName === interfaceName);
  const takeOver = (desiredState.parsed.foreign ?? []).flatMap(({ interfaceName, takenOut }) =>
    takenOut === undefined || wasRefused(interfaceName) ? [] : [{ interfaceName, network: takenOut }],
  );
  return takeOver.length === 0 ? {} : { takeOver };
}

function inRuntime(desiredState: DesiredState | undefined): Pick<Observation, 'runtimeUid'> {
  const uid = desiredState?.pod.runtimeUid;
  return uid === undefined ? {} : { runtimeUid: uid };
}

/**
 * Forgets the refusals that are over. Returns those that still say something.
 * - A refusal that waits for a VNI or an address is decided anew each time: the intent's transaction knows best who owns these by now.
 * - So is one that says that an attachment of the same entry stays: that may have gone with its sandbox.
 * - A refusal that waits for a tunnel of its own network stays recorded until the intent is: it tells the network's other pods that this
 *   pod asks for the tunnel as well.
 * - A refusal that waits for a file of the node is over when the file has changed.
 * - A refusal of other inputs is over: an owner who takes a desired network back and asks again is heard.
 */
async function forgetOver(
  { records, hash }: ObserveDeps,
  podUid: string,
  desiredState: DesiredState | undefined,
  refusals: readonly RecordedRefusal[],
): Promise<readonly RecordedRefusal[]> {
  const isToOtherInputs = (refusal: RecordedRefusal): boolean =>
    desiredState !== undefined && refusal.inputsHash !== desiredState.inputsHash;
  const isOver = async (refusal: RecordedRefusal): Promise<boolean> =>
    refusal.waitsForVni !== undefined ||
    refusal.waitsForAddress !== undefined ||
    isDecidedAnew(refusal.code) ||
    isToOtherInputs(refusal) ||
    isOutdated({ ...refusal, podUid }, records, hash);
  const standing: RecordedRefusal[] = [];
  for (const refusal of refusals) {
    if (refusal.waitsForTunnel !== undefined && !isToOtherInputs(refusal)) continue;
    // An attempt that was given up may still get here after a later attempt has recorded a new refusal.
    if (await isOver(refusal)) await records.deleteRefusal(podUid, refusal);
    else standing.push(refusal);
  }
  return standing;
}

/** The exec backend sees a pod's sandbox in the API. All other sandboxes are published by their nodes. */
export function sandboxOf(
  desiredState: Pick<DesiredState, 'pod'> | undefined,
  target: string,
  { sandbox }: Pick<PodRecords, 'sandbox'>,
): string | undefined {
  if (desiredState === undefined || target === '') return undefined;
  return isExecTarget(target) ? execSandboxId(desiredState.pod) : sandbox?.sandboxId;
}

/**
 * What holds up the start of a pod that waits for podwire. A gate: of one that does not ask for anything of kube-vxlan-controller's, somebody else
 * opens it.
 */
function gateOf(
  desiredState: DesiredState | undefined,
  onRefusal: 'open' | 'shut',
): Pick<Observation, 'gate' | 'onRefusal'> {
  const gate =
    desiredState === undefined || desiredState.pod.phaseClass !== 'counts' ? undefined : shutGate(desiredState.pod);
  return {
    ...(onRefusal === 'shut' ? { onRefusal } : {}),
    ...(gate === undefined ? {} : { gate: { containerId: gate.containerId, onRefusal } }),
  };
}

function presenceOf(desiredState: DesiredState | undefined, exec: boolean): PodPresence {
  if (desiredState === undefined) return 'absent';
  const { pod } = desiredState;
  if (pod.phaseClass === 'ended') return 'ended';
  if (pod.hostNetwork) return 'host-network';
  // Between two agent containers there is no way into the pod, and nothing is known to be wrong.
  if (exec && runningAgent(pod) === undefined) return 'waiting';
  return pod.phaseClass === 'waiting' || vtepOf(pod) === undefined ? 'waiting' : 'live';
}

function desiredOfPod(
  deps: LookDeps,
  desiredState: DesiredState,
  attachments: readonly Stored<AttachmentRecord>[],
  refusals: readonly RefusalRecord[],
): DesiredAttachment[] {
  const records = attachments.map(({ value }) => value);
  return judgedSelections(deps.hash, desiredState, records, refusals).map((desired) => {
    const { selection, index, interfaceName, askedAs, linkHash, tunnelHash, refused, mayBeRenamed } = desired;
    return {
      kind: selection.kind,
      selection: index,
      interfaceName,
      network: selection.network,
      ...(askedAs === undefined ? {} : { askedAs }),
      linkHash,
      tunnelHash,
      ...(refused === undefined ? {} : { refused }),
      ...(mayBeRenamed ? { mayBeRenamed } : {}),
    };
  });
}

function summary(
  deps: LookDeps,
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
    ...(hasLastGood(value) ? { hasLastGood: true } : {}),
    completed: value.result !== undefined,
  };
}
