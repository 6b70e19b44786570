/** From a record to its open network namespace, or a reason why it must not be entered. The runtime has the last word. */
import { PodwireError } from '../../domain/failures.ts';
import { sameNetns } from '../../domain/pod/netns-identity.ts';
import type { IdentifiedNetns } from '../../domain/ports/link-kernel.ts';
import { newestReady, type SandboxDetails } from '../../domain/ports/sandbox-runtime.ts';
import type { AttachmentRecord } from '../../domain/records.ts';
import { isSandboxOf, uidInRuntime, type SoughtPod } from '../../domain/pod/static-pods.ts';
import type { NodeDeps, NetnsResolver } from './deps.ts';

/** What `openVerified` needs of a record. */
export type SandboxOfRecord = SoughtPod & Pick<AttachmentRecord, 'sandboxId' | 'bootId' | 'netns'>;

/** The netns resolver of a node: the container runtime is asked, the netns is opened by descriptor. */
export function createNodeNetnsResolver(deps: Pick<NodeDeps, 'kernel' | 'runtime' | 'bootId'>): NetnsResolver {
  return {
    async open(task, reading, signal) {
      const [record, sandbox] = await Promise.all([reading, deps.runtime.describe(task.sandboxId)]);
      requireSandbox(deps, record, sandbox);
      return openRecorded(deps, record, signal, sandbox?.pid);
    },
    openIfThere: (record, signal) => openIfThere(deps, record, signal),
    async openToInspect(pod, signal) {
      const newest = newestReady(await deps.runtime.listReady(uidInRuntime(pod)));
      const sandbox = newest === undefined ? undefined : await deps.runtime.describe(newest.id);
      if (sandbox === undefined || !isSandboxOf(sandbox, pod) || sandbox.netnsPath === undefined) {
        throw new PodwireError(
          'SandboxGone',
          `pod ${pod.namespace}/${pod.name} has no Ready sandbox with a netns of its own here`,
        );
      }
      return deps.kernel.open(sandbox.netnsPath, signal);
    },
  };
}

/**
 * Checks the runtime's answer about the record's sandbox.
 * @throws PodwireError SandboxGone (unknown or not Ready), SandboxChanged (another boot, pod or netns), HostNetwork
 */
export function requireSandbox(
  deps: Pick<NodeDeps, 'bootId'>,
  record: SandboxOfRecord,
  found: SandboxDetails | undefined,
): void {
  if (found === undefined || !found.ready) {
    throw new PodwireError('SandboxGone', `sandbox ${record.sandboxId} of pod ${record.podUid} is not Ready any more`);
  }
  if (found.hostNetwork) throw hostNetwork(found);
  if (record.bootId !== deps.bootId) throw changed(record, `it was recorded in boot ${record.bootId}`);
  if (!isSandboxOf(found, record))
    throw changed(record, `the runtime says it belongs to pod ${found.podUid}, ${found.namespace}/${found.name}`);
  if (found.netnsPath !== record.netns.path) {
    throw changed(
      record,
      `the runtime says its netns is ${found.netnsPath ?? 'none'}, the record says ${record.netns.path}`,
    );
  }
}

/**
 * Opens the record's netns and makes sure that it is the one that was recorded, not a later one under the same path.
 * The caller closes it.
 * @param pid of a process in it, if the runtime told one
 * @throws PodwireError SandboxGone, SandboxChanged, NetnsRefused
 */
export async function openRecorded(
  deps: Pick<NodeDeps, 'kernel'>,
  record: SandboxOfRecord,
  signal: AbortSignal,
  pid?: number,
): Promise<IdentifiedNetns> {
  const netns = await deps.kernel.open(record.netns.path, signal, pid);
  if (sameNetns(netns.identity, record.netns)) return netns;
  await netns.close();
  throw changed(record, `${record.netns.path} is another network namespace now`);
}

/** undefined: the sandbox's netns is gone or is somebody else's now, and the link went with it. */
export async function openIfThere(
  deps: Pick<NodeDeps, 'kernel' | 'runtime' | 'bootId'>,
  record: SandboxOfRecord,
  signal: AbortSignal,
): Promise<IdentifiedNetns | undefined> {
  if (record.bootId !== deps.bootId) return undefined;
  const sandbox = await deps.runtime.describe(record.sandboxId);
  // The path comes from the runtime; a record alone opens nothing.
  if (sandbox === undefined || !isSandboxOf(sandbox, record)) return undefined;
  if (sandbox.netnsPath !== record.netns.path) return undefined;
  try {
    return await openRecorded(deps, record, signal, sandbox.pid);
  } catch (error) {
    if (error instanceof PodwireError && (error.code === 'SandboxGone' || error.code === 'SandboxChanged'))
      return undefined;
    throw error;
  }
}

export const hostNetwork = (sandbox: SandboxDetails): PodwireError =>
  new PodwireError(
    'HostNetwork',
    `pod ${sandbox.namespace}/${sandbox.name} uses the node's network (hostNetwork: true), which podwire does not change; remove the annotation or hostNetwork`,
  );

const changed = (record: SandboxOfRecord, why: string): PodwireError =>
  new PodwireError('SandboxChanged', `sandbox ${record.sandboxId} of pod ${record.podUid}: ${why}`);
