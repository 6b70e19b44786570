/** Finds a pod's Ready sandbox through the container runtime, and publishes it. */
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
    const found = await readySandbox(deps, input, signal);
    if (found !== undefined) {
      await deps.store.putSandbox(deps.node, found.record);
      const { sandboxId, bootId, netns } = found.record;
      return { sandboxId, bootId, netns, podIPs: found.podIPs };
    }
    if (performance.now() > deadline) {
      throw new PodwireError(
        'SandboxNotReady',
        `pod ${input.namespace}/${input.name} has no Ready sandbox on node ${deps.node} after ${WAIT_MS / 1000} s; see the pod's events`,
      );
    }
    await pause(POLL_MS, signal);
  }
}

/**
 * The pod's newest Ready sandbox with its netns; undefined while there is none or it is still being made.
 * @throws PodwireError HostNetwork, NetnsRefused, CriUnavailable
 */
async function readySandbox(
  deps: Pick<NodeDeps, 'runtime' | 'kernel' | 'bootId'>,
  pod: SoughtPod,
  signal: AbortSignal,
): Promise<{ record: SandboxRecord; podIPs: readonly string[] } | undefined> {
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

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(new PodwireError('SandboxNotReady', 'the wait for the sandbox was interrupted'));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
