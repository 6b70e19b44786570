/**
 * Where a pod's networks are made: by the worker of its node, or through the Pod Exec API in its agent container (backend `exec`).
 *
 * A target stands where otherwise a node's name stands: in keys, in records, in the choice of a task queue. A colon is in no node's name,
 * so whatever looks after a node's own things never meets those of the exec backend.
 */
import type { PodView } from './pod/pod-view.ts';

export type Backend = 'node' | 'exec';

export interface BackendSettings {
  /** For namespaces that are not named. */
  readonly default: Backend;
  readonly byNamespace: Readonly<Record<string, Backend>>;
}

const EXEC_PREFIX = 'exec:';

/** Queue of the orchestrators that work through the Pod Exec API. */
export const EXEC_QUEUE = 'podwire-exec';

export const execTarget = (node: string): string => `${EXEC_PREFIX}${node}`;

export const isExecTarget = (target: string): boolean => target.startsWith(EXEC_PREFIX);

/** Name of the Node object behind a target. */
export const nodeOfTarget = (target: string): string =>
  isExecTarget(target) ? target.slice(EXEC_PREFIX.length) : target;

export const backendOf = (namespace: string, settings: BackendSettings): Backend =>
  Object.hasOwn(settings.byNamespace, namespace)
    ? (settings.byNamespace[namespace] ?? settings.default)
    : settings.default;

/** Empty while the pod is on no node. */
export function targetOf(pod: Pick<PodView, 'nodeName' | 'namespace'>, settings: BackendSettings): string {
  if (pod.nodeName === '') return '';
  return backendOf(pod.namespace, settings) === 'exec' ? execTarget(pod.nodeName) : pod.nodeName;
}
