/** What the reflection's activities need. */
import type { ReflectCluster } from '../../domain/ports/reflect-cluster.ts';
import type { ReflectCodec } from '../../domain/ports/reflect-codec.ts';
import type { ReflectStore } from '../../domain/ports/reflect-store.ts';
import type { RecordKind } from '../../domain/reflect/kinds.ts';
import type { ReflectSettings } from '../../domain/reflect/settings.ts';
import type { ReflectionLedger } from '../../domain/reflect/statistics.ts';

export interface ReflectDeps {
  readonly cluster: ReflectCluster;
  readonly store: ReflectStore;
  readonly codec: ReflectCodec;
  readonly settings: ReflectSettings;
  readonly ledger: ReflectionLedger<RecordKind>;
  readonly log: ReflectLog;
  /** Labels below the agents' prefix that are no nodes, whatever `allocatedIDs/` says. */
  readonly keepLabels: readonly string[];
  /** Between the two looks that must both miss a node. */
  readonly nodePauseSeconds: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** What people are told, by the kind it is about. */
export interface ReflectLog {
  /** An object is left out; the same words about the same object come once. */
  skipped(kind: RecordKind, name: string, why: string): void;
  written(kind: RecordKind, what: 'added' | 'updated' | 'deleted', key: string): void;
  info(kind: RecordKind, facts: Readonly<Record<string, unknown>>, message: string): void;
}
