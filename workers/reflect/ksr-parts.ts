/** How the reflector's parts are, for KSR's probes. */
import type { PartState, State } from '../../domain/reflect/agent-status.ts';
import type { KsrLoggerName } from '../../domain/reflect/log-levels.ts';
import type { RecordKind } from '../../domain/reflect/kinds.ts';
import { REFLECT_SOURCES, type ReflectSource } from '../../domain/reflect/messages.ts';
import type { SourceState } from '../../domain/reflect/statistics.ts';

/** A kind's logger, and its name as a part; podwire's own kinds belong to those they are about. */
export const LOGGER_OF: Readonly<Record<RecordKind, KsrLoggerName>> = {
  namespace: 'ksr-namespace',
  pod: 'ksr-pod',
  policy: 'ksr-policy',
  service: 'ksr-service',
  endpoints: 'ksr-endpoints',
  node: 'ksr-node',
  sfcPod: 'ksr-sfcPod',
  podNetworks: 'ksr-pod',
  nodeId: 'ksr-node',
  stats: 'ksr-metrics',
};

interface Watch {
  readonly synced: boolean;
  readonly problem: string | undefined;
}

export interface Observed {
  /** Of the Temporal worker, which does the work; `failed` is for good. */
  readonly worker: { readonly state: 'starting' | 'running' | 'failed'; readonly problem?: string | undefined };
  /** Why etcd cannot be used. */
  readonly etcd: string | undefined;
  /** Why Temporal cannot be used. */
  readonly temporal: string | undefined;
  readonly watches: (source: ReflectSource) => readonly Watch[];
  /** Reasons against a watch that is synced: no byte for long. */
  readonly stalled: (source: ReflectSource) => string | undefined;
  readonly writes: (source: ReflectSource) => SourceState;
}

const WORKER_STATES = { starting: 'init', running: 'ok', failed: 'error' } as const satisfies Record<string, State>;

export function partStates(observed: Observed): PartState[] {
  const { worker, etcd, temporal } = observed;
  return [
    { name: 'ksr', state: WORKER_STATES[worker.state], error: worker.problem, restartHelps: true },
    { name: 'etcd', state: etcd === undefined ? 'ok' : 'error', error: etcd, restartHelps: false },
    { name: 'temporal', state: temporal === undefined ? 'ok' : 'error', error: temporal, restartHelps: false },
    ...REFLECT_SOURCES.map((source) => ({
      name: LOGGER_OF[source],
      ...sourceState(observed, source),
      restartHelps: false,
    })),
  ];
}

/** What is wrong with the reading counts before what is wrong with the writing: the one may be the other's cause. */
function sourceState(observed: Observed, source: ReflectSource): { state: State; error?: string } {
  const watches = observed.watches(source);
  const failing = watches.find(({ synced, problem }) => !synced && problem !== undefined)?.problem;
  const error = failing ?? observed.stalled(source) ?? observed.writes(source).blocked;
  if (error !== undefined) return { state: 'error', error };
  return { state: watches.every(({ synced }) => synced) && observed.writes(source).synced ? 'ok' : 'init' };
}
