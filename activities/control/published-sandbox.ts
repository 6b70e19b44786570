/** Where a pod's sandbox is published: under the UID that its node's container runtime knows. */
import { isExecTarget } from '../../domain/target.ts';
import type { PodView } from '../../domain/pod/pod-view.ts';
import type { PodRecords, RecordStore } from '../../domain/ports/record-store.ts';
import type { SandboxRecord } from '../../domain/records.ts';
import { isSandboxOf, uidInRuntime } from '../../domain/pod/static-pods.ts';

type Sandboxes = Pick<RecordStore, 'sandbox'>;

/** Undefined: no sandbox is published, or the pod's annotation names a sandbox of another pod. */
export async function publishedSandbox(
  records: Sandboxes,
  pod: PodView,
  node: string,
): Promise<SandboxRecord | undefined> {
  const sought = { ...pod, podUid: pod.uid };
  const found = await records.sandbox(node, uidInRuntime(sought));
  return found !== undefined && isSandboxOf(found, sought) ? found : undefined;
}

/** What is recorded of a pod under its UID in the API, with the sandbox of a static pod. */
export async function withSandbox(
  records: Sandboxes,
  pod: PodView | undefined,
  node: string,
  recorded: PodRecords,
): Promise<PodRecords> {
  if (pod?.runtimeUid === undefined || node === '' || isExecTarget(node)) return recorded;
  return { ...recorded, sandbox: await publishedSandbox(records, pod, node) };
}
