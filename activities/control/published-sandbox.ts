/** What is published of a pod's sandbox: under the UID that its node's container runtime knows, and the addresses of one that is not Ready yet. */
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

/**
 * The pod with the addresses of its sandbox. Until the kubelet has told the API those of a sandbox that was announced, the API has none, or
 * those of the pod's last sandbox (ADR 52). Where both tell of the same sandbox, the order of addresses is the API's. The inputs of
 * the pod, which the watcher compares, are the API's in any case.
 */
export function inSandbox<T extends { readonly pod: PodView }>(state: T, { sandbox }: Pick<PodRecords, 'sandbox'>): T {
  const announced = sandbox?.podIPs;
  const told = state.pod.podIPs;
  if (announced === undefined || (told.length > 0 && told.every((address) => announced.includes(address))))
    return state;
  return { ...state, pod: { ...state.pod, podIPs: announced } };
}
