/**
 * Cold plug (ADR 52): podwire as the last plugin of the node's chain. A pod's networks are made before its containers start, by the pod's own run,
 * and go before its network namespace does.
 */
import { isForgotten, asDetails, type AnnouncedSandbox } from '../../../domain/cni-server/announced-sandbox.ts';
import {
  CNI_CODES,
  CniAnswerError,
  type LeavePlace,
  type PodCni,
  type PodCniCall,
} from '../../../domain/cni-server/pod-cni.ts';
import { podAddresses } from '../../../domain/cni-server/prev-result.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { NetworksTable } from '../../../domain/messages.ts';
import { networkKey } from '../../../domain/network-selection.ts';
import type { AnnouncedSandboxes } from '../../../domain/ports/announced-sandboxes.ts';
import type { IpCodec } from '../../../domain/ports/ip-codec.ts';
import type { SandboxRuns } from '../../../domain/ports/sandbox-runs.ts';
import type { AttachmentRecord, SandboxRecord } from '../../../domain/records.ts';
import { uidInRuntime, type SoughtPod } from '../../../domain/pod/static-pods.ts';
import type { NodeDeps } from '../deps.ts';
import { sandboxRecord } from '../lookup-sandbox.ts';
import { askingPod, type AskingPod, type AskingPodDeps } from './asking-pod.ts';

export interface ColdPlugDeps
  extends AskingPodDeps, Pick<NodeDeps, 'bootId' | 'failpoints' | 'kernel' | 'store' | 'runtime'> {
  readonly announced: AnnouncedSandboxes;
  readonly runs: SandboxRuns;
  /** What an ADD cannot be served without; each fails where it cannot be reached. */
  readonly probes: readonly (() => Promise<unknown>)[];
  readonly ip: IpCodec;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly observer: ColdPlugObserver;
}

interface ColdPlugObserver {
  /** What a DEL has left to others, or a sandbox that nobody came back to. */
  left(sandboxId: string, why: unknown): void;
}

export interface ColdPlug extends PodCni {
  /** Takes up what calls have left: sandboxes that the runtime never had as Ready, and releases that nobody took. To be called now and then. */
  lookAfter(signal: AbortSignal): Promise<void>;
}

/** The kubelet gives a runtime 2 minutes; the server before this one has a limit of its own, which is later than this. */
const ADD_LIMIT_MS = 80_000;
/** Of the 10 s that the end of a pod may be held up. */
const DEL_LIMIT_MS = 8_000;
const LEFT_LIMIT_MS = 5_000;
/** Times that a sandbox is published anew for a run that did not find it. */
const MOST_TRIES = 5;

type Config = PodCniCall['config'];

export function createColdPlug(deps: ColdPlugDeps): ColdPlug {
  return {
    add: (call, signal, leavePlace) => add(deps, call, signal, leavePlace),
    del: (call, signal, leavePlace) => del(deps, call, signal, leavePlace),
    check: (call, signal) => check(deps, call, signal),
    gc: (_config, valid, signal) => gc(deps, new Set(valid.map(({ containerId }) => containerId)), signal),
    status: (_config, signal) => status(deps, signal),
    lookAfter: (signal) => lookAfter(deps, signal),
  };
}

async function add(deps: ColdPlugDeps, call: PodCniCall, signal: AbortSignal, leavePlace: LeavePlace): Promise<Config> {
  const prevResult = prevResultOf(call);
  const pod = await askingPod(deps, call);
  if (pod === undefined) return prevResult;
  const announced = announcedBy(deps, call, pod.sought, prevResult);
  await deps.announced.put(announced);
  await deps.failpoints.hit('coldPlug:announced');
  try {
    requireStart(await networksOf(deps, announced, pod, signal, leavePlace));
  } catch (error) {
    if (error instanceof CniAnswerError || !(error instanceof PodwireError)) throw error;
    throw new CniAnswerError(CNI_CODES.tryAgainLater, error.message);
  } finally {
    await noteEnd(deps, announced.sandboxId);
  }
  return prevResult;
}

/** @throws CniAnswerError 7: podwire's is the first plugin, and has no network to add others to */
function prevResultOf({ config }: PodCniCall): Config {
  const { prevResult } = config;
  if (typeof prevResult === 'object' && prevResult !== null && !Array.isArray(prevResult)) return prevResult as Config;
  throw new CniAnswerError(
    CNI_CODES.invalidConfig,
    'there is no prevResult: podwire-cni adds networks to the one that a plugin before it in the chain has made',
  );
}

/** @throws CniAnswerError 4, 7 */
function announcedBy(
  deps: ColdPlugDeps,
  { containerId: sandboxId, netns, ifName }: PodCniCall,
  pod: SoughtPod,
  prevResult: Config,
): AnnouncedSandbox {
  if (netns === undefined || netns === '')
    throw new CniAnswerError(CNI_CODES.invalidEnvironment, 'CNI_NETNS is missing');
  const podIPs = podAddresses(prevResult, ifName, deps.ip);
  if (podIPs.length === 0) throw new CniAnswerError(CNI_CODES.invalidConfig, `prevResult has no address of ${ifName}`);
  return {
    ...{ v: 1, sandboxId, bootId: deps.bootId, ...pod, netnsPath: netns, podIPs, ending: false },
    createdAt: deps.announced.get(sandboxId)?.createdAt ?? `${deps.now()}000000`,
  };
}

/** @throws PodwireError, CniAnswerError 3 */
async function networksOf(
  deps: ColdPlugDeps,
  announced: AnnouncedSandbox,
  { ofRun }: AskingPod,
  signal: AbortSignal,
  leavePlace: LeavePlace,
): Promise<NetworksTable> {
  const deadline = deps.now() + ADD_LIMIT_MS;
  const { sandboxId } = announced;
  for (let tries = 1; ; tries += 1) {
    const record = await sandboxRecord(deps, asDetails(announced), signal);
    if (record === undefined)
      throw new CniAnswerError(CNI_CODES.unknownContainer, `network namespace ${announced.netnsPath} is not there`);
    await deps.store.putSandbox(deps.node, record);
    await deps.failpoints.hit('coldPlug:published');
    leavePlace();
    const table = await deps.runs.awaitNetworks(ofRun, sandboxId, deadline - deps.now(), signal);
    await deps.failpoints.hit('coldPlug:settled');
    // A run that ended before it saw the sandbox says so at once.
    if (table.isSettled || tries === MOST_TRIES || deadline - deps.now() < ADD_LIMIT_MS / 2) return table;
  }
}

/** @throws CniAnswerError 11 */
function requireStart({ networks, mayStart }: NetworksTable): void {
  if (mayStart) return;
  const missing = networks.filter(({ state }) => state !== 'attached');
  const why = missing.map(({ interfaceName, network, state, reason }) =>
    [`${interfaceName} (network ${network}) is ${state}`, ...(reason === undefined ? [] : [reason])].join(': '),
  );
  const message = why.length === 0 ? "the pod's networks are not there yet" : why.join('; ');
  throw new CniAnswerError(CNI_CODES.tryAgainLater, message, 'the runtime tries again by itself');
}

/**
 * Never fails: the namespace is about to go whatever a DEL says, and a runtime that is told of a failure keeps the pod. What is left is in etcd, in
 * the journal of the node, and among the announced sandboxes.
 */
async function del(deps: ColdPlugDeps, call: PodCniCall, signal: AbortSignal, leavePlace: LeavePlace): Promise<void> {
  const { containerId: sandboxId } = call;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(DEL_LIMIT_MS)]);
  const records = await recordsOf(deps, sandboxId).catch((error: unknown) => {
    deps.observer.left(sandboxId, error);
    return undefined;
  });
  const known = deps.announced.get(sandboxId);
  const pod = known ?? records?.[0] ?? (records === undefined ? podOfCall(call) : undefined);
  if (pod === undefined) return;
  await deps.announced.put(endingOf(deps, call, pod, known));
  await deps.failpoints.hit('coldPlug:ending');
  leavePlace();
  try {
    if (await release(deps, sandboxId, pod, DEL_LIMIT_MS, limit)) await deps.announced.remove(sandboxId);
    else deps.observer.left(sandboxId, new Error('its run goes on with it'));
  } catch (error) {
    deps.observer.left(sandboxId, error);
  } finally {
    await noteEnd(deps, sandboxId);
  }
}

function podOfCall({ pod: { namespace, name, uid } }: PodCniCall): SoughtPod | undefined {
  return uid === undefined || uid === '' || namespace === '' ? undefined : { podUid: uid, namespace, name };
}

function endingOf(
  deps: ColdPlugDeps,
  { containerId: sandboxId, netns = '' }: PodCniCall,
  { podUid, runtimeUid, namespace, name }: SoughtPod,
  known: AnnouncedSandbox | undefined,
): AnnouncedSandbox {
  return {
    ...{ v: 1, sandboxId, bootId: deps.bootId, podUid, namespace, name, ending: true },
    ...(runtimeUid === undefined ? {} : { runtimeUid }),
    netnsPath: known?.netnsPath ?? netns,
    podIPs: known?.podIPs ?? [],
    createdAt: known?.createdAt ?? `${deps.now()}000000`,
  };
}

/** @returns whether nothing is attached in the sandbox any more; else the run goes on. @throws PodwireError */
async function release(
  deps: ColdPlugDeps,
  sandboxId: string,
  { podUid: uid, runtimeUid, namespace, name }: SoughtPod,
  limitMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { node, store } = deps;
  const inRuntime = uidInRuntime({ podUid: uid, ...(runtimeUid === undefined ? {} : { runtimeUid }) });
  const isPublished = ({ podUid, sandboxId: id }: SandboxRecord): boolean => podUid === inRuntime && id === sandboxId;
  if ((await store.listSandboxes(node)).some(isPublished)) await store.removeSandbox(node, inRuntime);
  const pod = { uid, namespace, name, nodeName: node };
  await deps.failpoints.hit('coldPlug:unpublished');
  const { released } = await deps.runs.release(pod, sandboxId, limitMs, signal);
  await deps.failpoints.hit('coldPlug:released');
  return released;
}

async function recordsOf({ store, node }: ColdPlugDeps, sandboxId: string): Promise<AttachmentRecord[]> {
  const records = await store.listNodeAttachments(node);
  return records.map(({ value }) => value).filter((record) => record.sandboxId === sandboxId);
}

/** @throws CniAnswerError 100: an interface is missing */
async function check(deps: ColdPlugDeps, call: PodCniCall, signal: AbortSignal): Promise<void> {
  const attached = (await recordsOf(deps, call.containerId)).filter(({ phase }) => phase === 'attached');
  if (attached.length === 0 || call.netns === undefined) return;
  const netns = await deps.kernel.open(call.netns, signal);
  try {
    const { links } = await deps.kernel.observe(netns);
    const missing = attached.filter(({ interfaceName }) => !links.some(({ name }) => name === interfaceName));
    if (missing.length === 0) return;
    const names = missing.map(({ interfaceName, network }) => `${interfaceName} (network ${networkKey(network)})`);
    throw new CniAnswerError(CNI_CODES.failed, `missing in the pod: ${names.join(', ')}`);
  } finally {
    await netns.close();
  }
}

/** Leaks and drift are the sweep's, which runs by itself; what nobody but the CNI server knows of is looked after here. */
async function gc(deps: ColdPlugDeps, valid: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
  for (const announced of deps.announced.list())
    if (announced.endedAt !== undefined && !valid.has(announced.sandboxId)) await drop(deps, announced, signal);
}

/** @throws CniAnswerError 50 */
async function status({ probes }: ColdPlugDeps, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  try {
    await Promise.all(probes.map((probe) => probe()));
  } catch (error) {
    throw new CniAnswerError(CNI_CODES.notAvailable, error instanceof Error ? error.message : String(error));
  }
}

async function lookAfter(deps: ColdPlugDeps, signal: AbortSignal): Promise<void> {
  const isDue = (announced: AnnouncedSandbox): boolean => isForgotten(announced, deps.now());
  if (!deps.announced.list().some(isDue)) return;
  // What the runtime has as Ready by now is confirmed by this.
  await deps.runtime.listReady();
  for (const announced of deps.announced.list()) if (isDue(announced)) await drop(deps, announced, signal);
}

/** The sandbox is not asked for any more. It stays announced until its pod's run has been told. */
async function drop(deps: ColdPlugDeps, announced: AnnouncedSandbox, signal: AbortSignal): Promise<void> {
  const { sandboxId } = announced;
  if (!announced.ending) {
    deps.observer.left(sandboxId, new Error('the container runtime never had it as Ready'));
    await deps.announced.put({ ...announced, ending: true });
  }
  await release(deps, sandboxId, announced, LEFT_LIMIT_MS, signal);
  await deps.announced.remove(sandboxId);
}

/** Whatever the runtime has confirmed meanwhile is not announced any more. */
async function noteEnd({ announced, now }: ColdPlugDeps, sandboxId: string): Promise<void> {
  const known = announced.get(sandboxId);
  if (known !== undefined) await announced.put({ ...known, endedAt: now() });
}
