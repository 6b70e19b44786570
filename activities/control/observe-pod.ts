/** observePod: deletes the converged mark, then reads the pod, in this order (ADR 31), and everything else that a plan needs. */
import { execSandboxId, runningAgent, shutGate, type AgentIdentity } from '../../domain/agents.ts';
import { isOutdated } from '../../domain/awaited.ts';
import { keepAll } from '../../domain/keep.ts';
import { hasLastGood } from '../../domain/last-good.ts';
import { keepName, type Observation, type PodPresence, type WishedAttachment } from '../../domain/observation.ts';
import { isExecPlace, placeOf } from '../../domain/place.ts';
import type { PodIdentity } from '../../domain/pod-view.ts';
import type { PodRecords, RecordStore } from '../../domain/ports/record-store.ts';
import type { AttachmentRecord, RecordedRefusal, RefusalRecord, Stored } from '../../domain/records.ts';
import { readDesired, vtepOf, type Desired, type DesiredDeps } from './desired.ts';
import { ofRecord } from './fingerprints.ts';
import type { ControlSteps } from './inputs.ts';
import { withSandbox } from './published-sandbox.ts';
import type { RecentlyObserved } from './recently-observed.ts';
import { isAbout, isKeptForeign, standingRefusals, wishesOf } from './wishes.ts';

export interface ObserveDeps extends DesiredDeps {
  readonly records: RecordStore;
  readonly recent: RecentlyObserved;
}

export function createObservePod(deps: ObserveDeps): ControlSteps['observePod'] {
  return async (input) => {
    const { agents } = deps.settings;
    const expected = placeOf({ nodeName: input.node ?? '', namespace: input.namespace }, agents.backend);
    // The records need not be read after the pod: whoever else writes them signals this run afterwards.
    const early = await deps.records.podUnmarked(input.uid, expected);
    const reading = await readDesired(deps, input, input.definitions);
    const node = reading === undefined ? '' : placeOf(reading.pod, agents.backend);
    const isWhereExpected = reading === undefined || node === expected;
    const byUid = isWhereExpected ? early : await deps.records.pod(input.uid, node);
    const recorded = await withSandbox(deps.records, reading?.pod, node, byUid);
    const desired = reading?.beside(recorded.attachments);
    const refusals = await forgetOver(deps, input.uid, desired, recorded.refusals);
    if (desired !== undefined) deps.recent.put(desired, recorded);
    return observationOf(deps, desired, node, { ...recorded, refusals });
  };
}

type LookDeps = Omit<ObserveDeps, 'recent'>;

/** Makes the same observation without changing anything: the mark stays. */
export function createLookAtPod(deps: LookDeps): (pod: PodIdentity) => Promise<Observation> {
  return async (identity) => {
    const reading = await readDesired(deps, identity);
    const node = reading === undefined ? '' : placeOf(reading.pod, deps.settings.agents.backend);
    const byUid = await deps.records.pod(identity.uid, node);
    const recorded = await withSandbox(deps.records, reading?.pod, node, byUid);
    return observationOf(deps, reading?.beside(recorded.attachments), node, recorded);
  };
}

function observationOf(deps: LookDeps, desired: Desired | undefined, node: string, recorded: PodRecords): Observation {
  const { attachments: known, refusals, tornDown } = recorded;
  const agent = desired === undefined || !isExecPlace(node) ? undefined : runningAgent(desired.pod);
  // When podwire is taken out of the cluster, every network goes, whatever the pod's annotation says.
  const keep = tornDown ? [] : (desired?.parsed.keep ?? []);
  return {
    presence: presenceOf(desired, isExecPlace(node)),
    node,
    ...inRuntime(desired),
    inputsHash: desired?.inputsHash ?? '',
    sandboxId: sandboxOf(desired, node, recorded),
    wished: desired === undefined || tornDown ? [] : wishes(deps, desired, known, refusals),
    ...takeOverOf(deps, desired, node, recorded),
    known: known.map((stored) => summary(deps, stored, agent)),
    keep,
    keepAll: keep.includes(keepAll('openvnf')),
    ...(tornDown ? {} : gateOf(desired, deps.settings.agents.gateOnRefusal)),
    problems: tornDown ? 0 : (desired?.parsed.problems.length ?? 0),
  };
}

/** What is to be taken over from another runtime, without what was tried in vain for these very inputs. */
function takeOverOf(
  { settings }: LookDeps,
  desired: Desired | undefined,
  node: string,
  { refusals, tornDown }: PodRecords,
): Pick<Observation, 'takeOver'> {
  if (desired === undefined || !settings.npwg.adoptForeign || tornDown || isExecPlace(node)) return {};
  const wasRefused = (interfaceName: string): boolean =>
    refusals.some((refusal) => isKeptForeign(refusal, desired) && refusal.interfaceName === interfaceName);
  const takeOver = (desired.parsed.foreign ?? []).flatMap(({ interfaceName, takenOut }) =>
    takenOut === undefined || wasRefused(interfaceName) ? [] : [{ interfaceName, network: takenOut }],
  );
  return takeOver.length === 0 ? {} : { takeOver };
}

function inRuntime(desired: Desired | undefined): Pick<Observation, 'runtimeUid'> {
  const uid = desired?.pod.runtimeUid;
  return uid === undefined ? {} : { runtimeUid: uid };
}

/**
 * Forgets the refusals that are over. Returns those that still say something.
 * - A refusal that waits for a VNI or an address is decided anew each time: the intent's transaction knows best who owns these by now.
 * - A refusal that waits for a tunnel of its own network stays recorded until the intent is: it tells the network's other pods that this
 *   pod asks for the tunnel as well.
 * - A refusal that waits for a file of the node is over when the file has changed.
 * - A refusal of other inputs is over: an owner who takes a wish back and asks again is heard.
 */
async function forgetOver(
  { records, hash }: ObserveDeps,
  podUid: string,
  desired: Desired | undefined,
  refusals: readonly RecordedRefusal[],
): Promise<readonly RecordedRefusal[]> {
  const isToOtherInputs = (refusal: RecordedRefusal): boolean =>
    desired !== undefined && refusal.inputsHash !== desired.inputsHash;
  const isOver = async (refusal: RecordedRefusal): Promise<boolean> =>
    refusal.waitsForVni !== undefined ||
    refusal.waitsForAddress !== undefined ||
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
  desired: Pick<Desired, 'pod'> | undefined,
  place: string,
  { sandbox }: Pick<PodRecords, 'sandbox'>,
): string | undefined {
  if (desired === undefined || place === '') return undefined;
  return isExecPlace(place) ? execSandboxId(desired.pod) : sandbox?.sandboxId;
}

/** The gate of a pod that waits for podwire. A pod that does not ask for anything of kube-vxlan-controller's waits for somebody else. */
function gateOf(desired: Desired | undefined, onRefusal: 'open' | 'shut'): Pick<Observation, 'gate'> {
  const gate = desired === undefined || desired.pod.phaseClass !== 'counts' ? undefined : shutGate(desired.pod);
  return gate === undefined ? {} : { gate: { containerId: gate.containerId, onRefusal } };
}

function presenceOf(desired: Desired | undefined, exec: boolean): PodPresence {
  if (desired === undefined) return 'absent';
  const { pod } = desired;
  if (pod.phaseClass === 'ended') return 'ended';
  if (pod.hostNetwork) return 'host-network';
  // Between two agent containers there is no way into the pod, and nothing is known to be wrong.
  if (exec && runningAgent(pod) === undefined) return 'waiting';
  return pod.phaseClass === 'waiting' || vtepOf(pod) === undefined ? 'waiting' : 'live';
}

function wishes(
  deps: LookDeps,
  desired: Desired,
  known: readonly Stored<AttachmentRecord>[],
  refusals: readonly RefusalRecord[],
): WishedAttachment[] {
  const records = known.map(({ value }) => value);
  const wished = wishesOf(deps.hash, desired, records, refusals);
  const standing = standingRefusals(deps.hash, refusals, desired, wished, records);
  return wished.map((wish) => {
    const { selection, index, interfaceName, linkHash, tunnelHash, conflict, mayBeRenamed } = wish;
    const refused = conflict ?? standing.find((refusal) => isAbout(refusal, wish));
    return {
      kind: selection.kind,
      selection: index,
      interfaceName,
      network: selection.network,
      linkHash,
      tunnelHash,
      ...(refused === undefined ? {} : { refused: { code: refused.code, message: refused.message } }),
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
