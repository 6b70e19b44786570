/**
 * Static pods: the kubelet makes them from files, under UIDs of its own, and the API has a mirror of each, under another UID. The mirror's
 * annotation says the kubelet's, and anybody who may create pods can write such an annotation: namespace and name have to agree as well.
 */

/** A pod, as whoever looks for its sandbox knows it. */
export interface SoughtPod {
  /** In the API: the pod's identity in records, runs and events. */
  readonly podUid: string;
  /** UID under which the container runtime knows the pod, where that is another one: a static pod's. */
  readonly runtimeUid?: string;
  readonly namespace: string;
  readonly name: string;
}

/** What the container runtime, the published sandboxes and the aliases of links call the pod. */
export const uidInRuntime = ({ podUid, runtimeUid }: Pick<SoughtPod, 'podUid' | 'runtimeUid'>): string =>
  runtimeUid ?? podUid;

/** Whether a sandbox, which has the runtime's UID, is that of the pod. */
export function isSandboxOf(sandbox: Pick<SoughtPod, 'podUid' | 'namespace' | 'name'>, pod: SoughtPod): boolean {
  if (sandbox.podUid !== uidInRuntime(pod)) return false;
  return pod.runtimeUid === undefined || (sandbox.namespace === pod.namespace && sandbox.name === pod.name);
}
