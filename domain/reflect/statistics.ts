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

/** Names that changed, or everything. */
export type ReflectionWork = 'names' | 'resync';

/** Whether etcd is known to be complete, by source. */
export interface SourceState {
  /**
   * The last resync succeeded. Names whose write fails take nothing from that: they stay wanted until they are written, and only a resync
   * would make it true again, which nobody asks for because of them.
   */
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

interface Known {
  synced: boolean;
  readonly failing: Map<ReflectionWork, string>;
}

/** One per process, written by the reflection's activities, read by whatever shows it. */
export class ReflectionLedger<Kind extends string> {
  readonly #counters = new Map<Kind, ReflectStatistics>();
  readonly #states = new Map<ReflectSource, Known>();
  readonly #listeners = new Set<(kind: Kind) => void>();

  of(kind: Kind): Readonly<ReflectStatistics> {
    return this.#counters.get(kind) ?? NOTHING;
  }

  state(source: ReflectSource): SourceState {
    const { synced = false, failing } = this.#states.get(source) ?? {};
    return { synced, blocked: failing?.get('resync') ?? failing?.get('names') };
  }

  count(kind: Kind, counter: keyof ReflectStatistics, by = 1): void {
    if (by === 0) return;
    let counters = this.#counters.get(kind);
    if (counters === undefined) this.#counters.set(kind, (counters = { ...NOTHING }));
    counters[counter] += by;
    for (const listener of this.#listeners) listener(kind);
  }

  /** What was tried ended well; a resync writes what names wait for, too. */
  succeeded(source: ReflectSource, work: ReflectionWork): void {
    const known = this.#known(source);
    known.failing.delete('names');
    if (work === 'names') return;
    known.failing.delete('resync');
    known.synced = true;
  }

  /** It did not, and will be tried again. */
  failed(source: ReflectSource, work: ReflectionWork, why: string): void {
    const known = this.#known(source);
    known.failing.set(work, why);
    if (work === 'resync') known.synced = false;
  }

  #known(source: ReflectSource): Known {
    const known = this.#states.get(source) ?? { synced: false, failing: new Map() };
    this.#states.set(source, known);
    return known;
  }

  /** Told after every count; must not throw. Returns how to stop it. */
  onChange(listener: (kind: Kind) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
