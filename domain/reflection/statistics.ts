/** What the reflection did and whether it gets on, by KSR's kinds, as KSR counted and as its statistics are published. */
import type { ReflectSource } from './messages.ts';

/** KSR's counters (ksrapi.KsrStats). All count from the start of the process. */
export interface ReflectStatistics {
  adds: number;
  updates: number;
  deletes: number;
  /** Passes of mark and sweep that were begun. */
  resyncs: number;
  addErrors: number;
  updErrors: number;
  delErrors: number;
  /** Objects that are none: nothing of them can be reflected. */
  argErrors: number;
  /** Passes of mark and sweep that failed. */
  resErrors: number;
}

/** Whether etcd is known to be complete, by source. */
export interface SourceState {
  /** The last resync succeeded, and no write failed since. */
  readonly synced: boolean;
  /** Why nothing is written at the moment; undefined when it is. */
  readonly blocked: string | undefined;
}

const NOTHING: Readonly<ReflectStatistics> = {
  adds: 0,
  updates: 0,
  deletes: 0,
  resyncs: 0,
  addErrors: 0,
  updErrors: 0,
  delErrors: 0,
  argErrors: 0,
  resErrors: 0,
};

const UNKNOWN: SourceState = { synced: false, blocked: undefined };

/** One per process, written by the reflection's activities, read by whatever shows it. */
export class ReflectionLedger<Kind extends string> {
  readonly #counters = new Map<Kind, ReflectStatistics>();
  readonly #states = new Map<ReflectSource, SourceState>();
  readonly #listeners = new Set<(kind: Kind) => void>();

  of(kind: Kind): Readonly<ReflectStatistics> {
    return this.#counters.get(kind) ?? NOTHING;
  }

  state(source: ReflectSource): SourceState {
    return this.#states.get(source) ?? UNKNOWN;
  }

  count(kind: Kind, counter: keyof ReflectStatistics, by = 1): void {
    if (by === 0) return;
    let counters = this.#counters.get(kind);
    if (counters === undefined) this.#counters.set(kind, (counters = { ...NOTHING }));
    counters[counter] += by;
    for (const listener of this.#listeners) listener(kind);
  }

  synced(source: ReflectSource): void {
    this.#states.set(source, { synced: true, blocked: undefined });
  }

  /** A write or a pass failed. */
  blocked(source: ReflectSource, why: string): void {
    this.#states.set(source, { synced: false, blocked: why });
  }

  /** It got on again, though a resync may still be due. */
  unblocked(source: ReflectSource): void {
    const known = this.state(source);
    if (known.blocked !== undefined) this.#states.set(source, { ...known, blocked: undefined });
  }

  /** Told after every count; must not throw. Returns how to stop it. */
  onChange(listener: (kind: Kind) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
