/**
 * podwire as the network of a node's pods (ADR 53, 54). The work of a call is done at once, by this process and its kernel, from what is on the
 * node's disk: pods start and end whoever else is away.
 */
import {
  CNI_CODES,
  CniAnswerError,
  type LeavePlace,
  type PodCni,
  type PodCniCall,
} from '../../domain/cni-server/pod-cni.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { LinkKernel } from '../../domain/ports/link-kernel.ts';
import type { SandboxDuties } from '../../domain/ports/sandbox-duties.ts';
import { primaryResult } from '../../domain/primary/cni-result.ts';
import { holderText, isHeld, type LeaseHolder } from '../../domain/primary/lease.ts';
import type { LeaseRange } from '../../domain/primary/leases.ts';
import type { PodWiring } from '../../domain/primary/pod-wiring.ts';
import type { PodSubnets } from './pod-subnets.ts';
import { letGo, wiringOf, type WiredPodDeps } from './wired-pod.ts';

export interface PrimaryDeps extends WiredPodDeps {
  readonly subnets: Pick<PodSubnets, 'ranges' | 'why'>;
  readonly links: Pick<LinkKernel, 'open'>;
  /** Of interfaces of pods to come, in bytes. */
  readonly mtu: () => number;
  /** Networks besides the primary one: what podwire does as the last plugin of a chain. */
  readonly others: PodCni;
  /** What is not the node's alone to do. */
  readonly duties: SandboxDuties;
  readonly observer: PrimaryObserver;
}

interface PrimaryObserver {
  /** Settings that the kernel or a mount refused; the pod is connected all the same. */
  refused(sandboxId: string, settings: readonly string[]): void;
  /** What the other networks could not be asked for; what is to be released of them goes on by itself. @param sandboxId undefined: a GC */
  left(sandboxId: string | undefined, why: unknown): void;
}

/** Of the 10 s that the end of a pod may be held up, for networks besides this one. */
const OTHERS_LIMIT_MS = 9_000;

export function createPrimary(deps: PrimaryDeps): PodCni {
  /** GC comes under another key than the calls of a container. */
  const adding = new Set<string>();
  return {
    add: async (call, signal, leavePlace) => {
      const holder = holderText(holderOf(call));
      adding.add(holder);
      try {
        const { netns } = call;
        if (netns === undefined) throw new CniAnswerError(CNI_CODES.invalidEnvironment, 'CNI_NETNS is missing');
        const wiring = await answering(() => connect(deps, call, netns, signal));
        deps.duties.added(call.containerId);
        await deps.failpoints.hit('primary:added');
        const prevResult = primaryResult(wiring, netns);
        return await deps.others.add({ ...call, config: { ...call.config, prevResult } }, signal, leavePlace);
      } finally {
        adding.delete(holder);
      }
    },
    del: (call, signal, leavePlace) => del(deps, call, signal, leavePlace),
    check: (call, signal) => check(deps, call, signal),
    gc: async (config, valid, signal) => {
      const kept = new Set(valid.map(({ containerId: sandboxId, ifName }) => holderText({ sandboxId, ifName })));
      for (const lease of deps.leases.leases()) {
        const holder = holderText(lease);
        if (!isHeld(lease) || kept.has(holder) || adding.has(holder)) continue;
        await answering(() => letGo(deps, lease, signal));
        deps.duties.ended(lease.sandboxId);
      }
      await ifAsked(deps, undefined, () => deps.others.gc(config, valid, signal));
    },
    // Networks besides this one do not make a node unready: pods without them start.
    status: async () => void rangesOf(deps, CNI_CODES.notAvailable),
  };
}

async function connect(deps: PrimaryDeps, call: PodCniCall, path: string, signal: AbortSignal): Promise<PodWiring> {
  const ranges = rangesOf(deps, CNI_CODES.tryAgainLater);
  const holder = holderOf(call);
  const { namespace, name } = call.pod;
  // Before there is a lease: where the namespace has gone, no DEL need come.
  const netns = await deps.links.open(path, signal);
  try {
    const lease = await deps.leases.allocate({ ...holder, pod: { namespace, name } }, ranges);
    await deps.failpoints.hit('primary:leased');
    const wiring = wiringOf(lease, ranges, deps.mtu(), deps.ip);
    const refused = await deps.wiring.wire(netns, wiring);
    if (refused.length > 0) deps.observer.refused(call.containerId, refused);
    await deps.failpoints.hit('primary:wired');
    return wiring;
  } finally {
    await netns.close();
  }
}

/** Networks besides this one go first, which may need it; where they cannot be asked the pod ends all the same. */
async function del(deps: PrimaryDeps, call: PodCniCall, signal: AbortSignal, leavePlace: LeavePlace): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(OTHERS_LIMIT_MS)]);
  const ended = new Promise<void>((resolve) => {
    limit.addEventListener('abort', () => resolve(), { once: true });
  });
  const others = deps.others
    .del(call, limit, leavePlace)
    .catch((error: unknown) => deps.observer.left(call.containerId, error));
  const { containerId } = call;
  // A runtime ends a pod several times; its end is told of once.
  const isHere = deps.leases.leases().some((lease) => lease.sandboxId === containerId && isHeld(lease));
  const hooks = isHere ? deps.duties.beforeRemoval(containerId, signal) : undefined;
  await Promise.all([Promise.race([others, ended]), hooks]);
  await deps.failpoints.hit('primary:ending');
  try {
    await answering(() => letGo(deps, holderOf(call), signal));
    await deps.failpoints.hit('primary:released');
  } finally {
    // Also where it could not be done: then it is gone on with.
    if (isHere) deps.duties.ended(containerId);
  }
}

async function check(deps: PrimaryDeps, call: PodCniCall, signal: AbortSignal): Promise<void> {
  const holder = holderOf(call);
  const lease = deps.leases.leases().find((each) => holderText(each) === holderText(holder));
  if (lease === undefined || !isHeld(lease) || call.netns === undefined)
    throw new CniAnswerError(CNI_CODES.failed, `container ${call.containerId} has no address of this node`);
  const path = call.netns;
  const missing = await answering(async () => {
    const wiring = wiringOf(lease, rangesOf(deps, CNI_CODES.tryAgainLater), deps.mtu(), deps.ip);
    const netns = await deps.links.open(path, signal);
    try {
      return await deps.wiring.check(netns, wiring);
    } finally {
      await netns.close();
    }
  });
  if (missing.length > 0) throw new CniAnswerError(CNI_CODES.failed, `not there: ${missing.join('; ')}`);
  await ifAsked(deps, call.containerId, () => deps.others.check(call, signal));
}

/** Whoever cannot be asked has not said that something is missing. @throws what else the work throws */
async function ifAsked(
  { observer }: PrimaryDeps,
  sandboxId: string | undefined,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof PodwireError)) throw error;
    observer.left(sandboxId, error);
  }
}

const holderOf = ({ containerId: sandboxId, ifName }: PodCniCall): LeaseHolder => ({ sandboxId, ifName });

/** @throws CniAnswerError with the code */
function rangesOf({ subnets }: PrimaryDeps, code: number): readonly LeaseRange[] {
  if (subnets.ranges !== undefined) return subnets.ranges;
  throw new CniAnswerError(code, `no pod can have an address here: ${subnets.why}`);
}

/** @throws CniAnswerError for every failure that podwire knows, and for the disk's */
async function answering<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PodwireError) throw new CniAnswerError(codeOf(error), `${error.code}: ${error.message}`);
    if (error instanceof Error && 'syscall' in error) throw new CniAnswerError(CNI_CODES.io, error.message);
    throw error;
  }
}

function codeOf({ code, retryClass }: PodwireError): number {
  if (code === 'SandboxGone') return CNI_CODES.unknownContainer;
  if (code === 'NetnsRefused') return CNI_CODES.invalidEnvironment;
  return retryClass === 'terminal' ? CNI_CODES.failed : CNI_CODES.tryAgainLater;
}
