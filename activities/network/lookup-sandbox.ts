/** Finds a pod's Ready sandbox through the container runtime, and publishes it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { PodwireError } from '../../domain/failures.ts';
import { newestReady, type SandboxDetails } from '../../domain/ports/sandbox-runtime.ts';
import { RECORD_VERSION, type SandboxRecord } from '../../domain/records.ts';
import { isSandboxOf, uidInRuntime, type SoughtPod } from '../../domain/pod/static-pods.ts';
import type { NodeDeps } from './deps.ts';
import type { LookupSandboxInput, LookupSandboxResult } from './network-contract.ts';
import { hostNetwork } from './sandbox-netns.ts';

/** A sandbox that is starting: kubelet makes it within seconds, its CNI plugin fills it shortly after. */
const WAIT_MS = 10_000;
const POLL_MS = 200;

export async function lookupSandbox(
  deps: NodeDeps,
  input: LookupSandboxInput,
  signal: AbortSignal,
): Promise<LookupSandboxResult> {
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const look = new AbortController();
    // Before the look, so that what is announced meanwhile is not missed.
    const announced = deps.runtime.untilAnnounced?.(uidInRuntime(input), look.signal);
    try {
      const found = await readySandbox(deps, input, signal);
      if (found !== undefined) return await published(deps, found);
      if (performance.now() > deadline) throw notReady(deps.node, input);
      await pause(POLL_MS, signal, announced);
    } finally {
      look.abort();
    }
  }
}

interface Found {
  readonly record: SandboxRecord;
  readonly podIPs: readonly string[];
}

async function published({ store, node }: NodeDeps, { record, podIPs }: Found): Promise<LookupSandboxResult> {
  await store.putSandbox(node, record);
  const { sandboxId, bootId, netns } = record;
  return { sandboxId, bootId, netns, podIPs };
}

const notReady = (node: string, { namespace, name }: LookupSandboxInput): PodwireError =>
  new PodwireError(
    'SandboxNotReady',
    `pod ${namespace}/${name} has no Ready sandbox on node ${node} after ${WAIT_MS / 1000} s; see the pod's events`,
  );

/**
 * The pod's newest Ready sandbox with its netns; undefined while there is none or it is still being made.
 * @throws PodwireError HostNetwork, NetnsRefused, CriUnavailable
 */
async function readySandbox(
  deps: Pick<NodeDeps, 'runtime' | 'kernel' | 'bootId'>,
  pod: SoughtPod,
  signal: AbortSignal,
): Promise<Found | undefined> {
  const newest = newestReady(await deps.runtime.listReady(uidInRuntime(pod)));
  const sandbox = newest === undefined ? undefined : await deps.runtime.describe(newest.id);
  if (sandbox === undefined || !sandbox.ready || sandbox.podUid !== uidInRuntime(pod)) return undefined;
  if (!isSandboxOf(sandbox, pod)) throw notItsOwn(pod);
  if (sandbox.hostNetwork) throw hostNetwork(sandbox);
  const record = await sandboxRecord(deps, sandbox, signal);
  return record === undefined ? undefined : { record, podIPs: sandbox.podIPs };
}

const notItsOwn = ({ namespace, name }: SoughtPod): PodwireError =>
  new PodwireError(
    'NetnsRefused',
    `the annotation kubernetes.io/config.mirror of pod ${namespace}/${name} names a sandbox of another pod; only the kubelet writes it, for the static pods of its node`,
  );

/** The sandbox with the identity of its netns as it is now; undefined when it has none (yet, or any more). */
export async function sandboxRecord(
  deps: Pick<NodeDeps, 'kernel' | 'bootId'>,
  sandbox: SandboxDetails,
  signal: AbortSignal,
): Promise<SandboxRecord | undefined> {
  if (sandbox.netnsPath === undefined) return undefined;
  try {
    const netns = await deps.kernel.open(sandbox.netnsPath, signal);
    await netns.close();
    const { podUid, namespace, name, id, podIPs, announced } = sandbox;
    return {
      ...{ v: RECORD_VERSION, podUid, namespace, name, sandboxId: id, bootId: deps.bootId, netns: netns.identity },
      ...(announced ? { podIPs } : {}),
    };
  } catch (error) {
    if (error instanceof PodwireError && error.code === 'SandboxGone') return undefined;
    throw error;
  }
}

/** Ends early when the sandbox is announced. @throws PodwireError SandboxNotReady when it is interrupted */
async function pause(ms: number, signal: AbortSignal, announced: Promise<void> | undefined): Promise<void> {
  const over = new AbortController();
  const slept = sleep(ms, undefined, { signal: AbortSignal.any([signal, over.signal]) }).catch(() => undefined);
  await Promise.race([slept, ...(announced === undefined ? [] : [announced])]);
  over.abort();
  if (signal.aborted) throw new PodwireError('SandboxNotReady', 'the wait for the sandbox was interrupted');
}
