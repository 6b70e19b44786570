/** Kubernetes Events on pods (core/v1, shown by `kubectl describe pod`). Needs the right to create events. */
import { createHash } from 'node:crypto';
import type { PodIdentity } from '../../domain/pod/pod-view.ts';
import { apiPath, bodyOf, KubeRejection, type KubeClient } from './client.ts';

export interface PodEvent {
  readonly pod: PodIdentity;
  readonly type: 'Normal' | 'Warning';
  /** CamelCase word, for machines and for people. */
  readonly reason: string;
  /** For the pod's owner; cut at 1,024 bytes, the limit of the newer Event API. */
  readonly message: string;
  /** What makes this event one and the same (inputs hash, network, generation …): the same key is never written twice while the API keeps the first. */
  readonly key: string;
}

const MAX_MESSAGE_BYTES = 1_024;
/** Object names are at most 253 characters (RFC 1123 subdomain); `.` and 16 hex digits follow the pod's name. */
const MAX_POD_NAME = 253 - 17;

/** Deterministic, so that a step that runs again does not say it again. */
function eventName(event: Pick<PodEvent, 'pod' | 'reason' | 'key'>): string {
  const digest = createHash('sha256').update(`${event.pod.uid}\n${event.reason}\n${event.key}`).digest('hex');
  return `${event.pod.name.slice(0, MAX_POD_NAME).replace(/[-.]+$/, '')}.${digest.slice(0, 16)}`;
}

/**
 * @returns `exists` when it was written before, `gone` when its namespace is gone or going
 * @throws PodwireError `ApiUnavailable`
 */
export async function createEvent(client: KubeClient, event: PodEvent): Promise<'created' | 'exists' | 'gone'> {
  const { pod } = event;
  const what = `write event ${event.reason} on pod ${pod.namespace}/${pod.name}`;
  const now = new Date().toISOString().replace(/\.\d{3}Z$/, 'Z');
  const answer = await client.call({
    method: 'POST',
    path: apiPath('api', 'v1', 'namespaces', pod.namespace, 'events'),
    body: {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: eventName(event), namespace: pod.namespace },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: pod.namespace, name: pod.name, uid: pod.uid },
      type: event.type,
      reason: event.reason,
      message: cut(event.message),
      source: { component: 'podwire' },
      reportingComponent: 'podwire',
      reportingInstance: 'podwire',
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    },
  });
  if (answer.status === 409) return 'exists';
  if (answer.status === 403 && /being terminated/.test(new KubeRejection(what, 403, answer.body).message))
    return 'gone';
  return bodyOf(answer, what) === undefined ? 'gone' : 'created';
}

/** Cuts at a character border and says so. */
function cut(message: string): string {
  if (Buffer.byteLength(message) <= MAX_MESSAGE_BYTES) return message;
  const kept = Buffer.from(message).subarray(0, MAX_MESSAGE_BYTES - 4);
  return `${new TextDecoder().decode(kept).replace(/\uFFFD$/, '')}…`;
}
