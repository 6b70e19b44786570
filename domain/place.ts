/**
 * Where a pod's networks are made: by the worker of its node, or through the Pod Exec API in its agent container (backend `exec`).
 *
 * A place stands where otherwise a node's name stands: in keys, in records, in the choice of a task queue. A colon is in no node's name,
 * so whatever looks after a node's own things never meets those of the exec backend.
 */
import type { PodView } from './pod-view.ts';

export type Backend = 'node' | 'exec';

export interface BackendSettings {
  /** For namespaces that are not named. */
  readonly default: Backend;
  readonly byNamespace: Readonly<Record<string, Backend>>;
}

const EXEC_PREFIX = 'exec:';

/** Queue of the orchestrators that work through the Pod Exec API. */
export const EXEC_QUEUE = 'podwire-exec';

export const execPlace = (node: string): string => `${EXEC_PREFIX}${node}`;

export const isExecPlace = (place: string): boolean => place.startsWith(EXEC_PREFIX);

/** Name of the Node object behind a place. */
export const nodeOfPlace = (place: string): string => (isExecPlace(place) ? place.slice(EXEC_PREFIX.length) : place);

export const backendOf = (namespace: string, settings: BackendSettings): Backend =>
  Object.hasOwn(settings.byNamespace, namespace)
    ? (settings.byNamespace[namespace] ?? settings.default)
    : settings.default;

/** Empty while the pod is on no node. */
export function placeOf(pod: Pick<PodView, 'nodeName' | 'namespace'>, settings: BackendSettings): string {
  if (pod.nodeName === '') return '';
  return backendOf(pod.namespace, settings) === 'exec' ? execPlace(pod.nodeName) : pod.nodeName;
}
