/** From a pod object as the API sends it to the little that podwire keeps of it. */
import type { AgentContainer } from '../../domain/pod/agents.ts';
import type { PhaseClass, PodView } from '../../domain/pod/pod-view.ts';
import {
  KALOOM_ANNOTATION,
  NPWG_NETWORKS_ANNOTATION,
  NPWG_STATUS_ANNOTATION,
  STATUS_ANNOTATION,
  type DialectSettings,
} from '../../domain/settings.ts';
import { mirroredUid } from './mirror-pod.ts';

/** Labels and annotations that some dialect reads; everything else of a pod is dropped. */
export interface PodKeys {
  readonly labels: readonly string[];
  readonly annotations: readonly string[];
  /** Names of the agent containers. */
  readonly agents: { readonly init: string; readonly main: string };
}

export function podKeys(settings: DialectSettings): PodKeys {
  const annotations = [
    settings.annotation,
    ...(settings.npwg.enabled ? [NPWG_NETWORKS_ANNOTATION] : []),
    ...(settings.kaloom.enabled ? [KALOOM_ANNOTATION] : []),
  ];
  const { initContainer: init, container: main } = settings.agents;
  return { labels: [settings.selector], annotations, agents: { init, main } };
}

type Json = Readonly<Record<string, unknown>>;

const NOTHING: Readonly<Record<string, string>> = Object.freeze({});
const NO_ADDRESSES: readonly string[] = Object.freeze([]);

/**
 * Total: whatever is missing or of a wrong type counts as absent (field names of core/v1 Pod).
 * @returns undefined when the object has no uid, name or namespace, that is, when it is no stored pod
 */
export function podView(object: unknown, keys: PodKeys): PodView | undefined {
  const pod = record(object);
  const metadata = record(pod['metadata']);
  const uid = text(metadata['uid']);
  const namespace = text(metadata['namespace']);
  const name = text(metadata['name']);
  if (uid === '' || namespace === '' || name === '') return undefined;
  const spec = record(pod['spec']);
  const status = record(pod['status']);
  const nodeName = text(spec['nodeName']);
  const annotations = record(metadata['annotations']);
  const runtimeUid = mirroredUid(annotations, records(metadata['ownerReferences']), nodeName);
  const agents = agentContainers(spec, status, keys.agents);
  return {
    uid,
    ...(runtimeUid === undefined ? {} : { runtimeUid }),
    namespace,
    name,
    nodeName,
    hostNetwork: spec['hostNetwork'] === true,
    phaseClass: phaseClass(text(status['phase']), nodeName),
    deleting: text(metadata['deletionTimestamp']) !== '',
    podIPs: addresses(status),
    labels: pick(record(metadata['labels']), keys.labels),
    annotations: pick(annotations, keys.annotations),
    publishedStatus: optionalText(annotations[STATUS_ANNOTATION]),
    ...(agents.length === 0 ? {} : { agents }),
    npwgStatus: optionalText(annotations[NPWG_STATUS_ANNOTATION]),
    resourceVersion: optionalText(metadata['resourceVersion']),
  };
}

function agentContainers(spec: Json, status: Json, names: PodKeys['agents']): AgentContainer[] {
  const agent = (role: AgentContainer['role'], name: string, list: unknown, states: unknown): AgentContainer[] => {
    const named = (entry: Json): boolean => entry['name'] === name;
    if (!records(list).some(named)) return [];
    const state = records(states).find(named) ?? NOTHING;
    const runs = typeof record(state['state'])['running'] === 'object';
    return [{ role, name, runningId: runs ? text(state['containerID']) : '' }];
  };
  return [
    ...agent('init', names.init, spec['initContainers'], status['initContainerStatuses']),
    ...agent('main', names.main, spec['containers'], status['containerStatuses']),
  ];
}

function phaseClass(phase: string, nodeName: string): PhaseClass {
  if (phase === 'Succeeded' || phase === 'Failed') return 'ended';
  return nodeName === '' ? 'waiting' : 'counts';
}

function addresses(status: Json): readonly string[] {
  const listed = Array.isArray(status['podIPs']) ? (status['podIPs'] as unknown[]) : [];
  const found = listed.map((entry) => text(record(entry)['ip'])).filter((ip) => ip !== '');
  if (found.length > 0) return found;
  const single = text(status['podIP']);
  return single === '' ? NO_ADDRESSES : [single];
}

function pick(from: Json, keys: readonly string[]): Readonly<Record<string, string>> {
  let picked: Record<string, string> | undefined;
  for (const key of keys) {
    const value = Object.hasOwn(from, key) ? from[key] : undefined;
    if (typeof value !== 'string') continue;
    picked ??= {};
    picked[key] = value;
  }
  return picked ?? NOTHING;
}

const record = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};

const records = (value: unknown): Json[] => (Array.isArray(value) ? value.map(record) : []);

const optionalText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
