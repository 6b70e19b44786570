/** The watcher's part of the reflection: changes of every kind become dirty names, lists and lost data become resyncs. Decides nothing. */
import type { KubeClient } from '../../adapters/kubernetes/client.ts';
import {
  ListWatch,
  type ListWatchObserver,
  type ListWatchState,
  type ListWatchTimings,
  type RelistReason,
} from '../../adapters/kubernetes/list-watch.ts';
import { collectionPath, nameOf, serviceOf, SLICES_PATH } from '../../adapters/reflect/reflect-cluster.ts';
import type { Change, Identified } from '../../adapters/kubernetes/uid-cache.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import type { ReflectStore } from '../../domain/ports/reflect-store.ts';
import { statsKey } from '../../domain/reflect/keys.ts';
import type { ReflectSettings } from '../../domain/reflect/settings.ts';
import { REFLECT_SOURCES, type ReflectSource } from '../../domain/reflect/messages.ts';
import { markerKey } from '../../domain/reflect/pod-networks.ts';
import { watchReasons } from '../readiness.ts';
import { ReflectMonitor } from './reflect-monitor.ts';
import { ReflectSignals } from './reflect-signals.ts';

export interface ReflectionOptions {
  readonly client: KubeClient;
  readonly store: Pick<ReflectStore, 'look'>;
  readonly settings: ReflectSettings;
  readonly sendDirty: (source: ReflectSource, names: readonly string[]) => Promise<unknown>;
  readonly sendResync: (source: ReflectSource, reason: string) => Promise<unknown>;
  readonly onSent: (source: ReflectSource, lagMs: number) => void;
  readonly observer: (kind: string) => ListWatchObserver;
  readonly timings: Partial<ListWatchTimings> & Pick<ListWatchTimings, 'stallMs'>;
  readonly log: Logger;
  /** Pods are watched by somebody else already, who tells through `podChanged` and `podsListed`. */
  readonly podsElsewhere: boolean;
}

/** What is kept of an object that is watched only for this: enough to know that it changed. */
interface Watched extends Identified {
  /** `namespace/name` of what is reflected. */
  readonly reflected: string;
}

const REASONS: Readonly<Record<RelistReason, string>> = {
  start: 'start',
  expired: 'the watch had a gap',
  invalid: 'the watch was cut',
  periodic: 'schedule',
};

/** A kind of its own in logs and on readiness; its changes are those of Endpoints. */
const SLICES = 'endpointslice';

export class Reflection {
  readonly #options: ReflectionOptions;
  readonly #signals: ReadonlyMap<ReflectSource, ReflectSignals>;
  readonly #watches: ReadonlyMap<string, ListWatch<Watched>>;
  readonly #monitor: ReflectMonitor;

  constructor(options: ReflectionOptions) {
    this.#options = options;
    this.#signals = new Map(REFLECT_SOURCES.map((source) => [source, this.#signalsOf(source)]));
    const watched = REFLECT_SOURCES.filter((source) => source !== 'pod' || !options.podsElsewhere);
    this.#watches = new Map([
      ...watched.map((source): [string, ListWatch<Watched>] => [
        source,
        this.#watch(source, source, collectionPath(source), nameOf),
      ]),
      [SLICES, this.#watch(SLICES, 'endpoints', SLICES_PATH, serviceOf)],
    ]);
    this.#monitor = new ReflectMonitor({
      store: options.store,
      keys: [...REFLECT_SOURCES.map((source) => markerKey(source, options.settings)), statsKey(options.settings)],
      onLost: (reason) => {
        options.log.warn({ reason }, 'etcd is filled again');
        this.resyncAll(reason);
      },
      onFailed: (error) => options.log.warn({ err: error }, 'etcd of the reflected state does not answer'),
    });
  }

  start(): void {
    for (const watch of this.#watches.values()) watch.start();
    this.#monitor.start();
  }

  async stop(): Promise<void> {
    await Promise.all([...[...this.#watches.values()].map((watch) => watch.stop()), this.#monitor.stop()]);
    await Promise.all([...this.#signals.values()].map((signals) => signals.stop()));
  }

  podChanged(pod: Pick<Identified, 'namespace' | 'name'>, relist: RelistReason | undefined): void {
    this.#changed('pod', `${pod.namespace}/${pod.name}`, relist);
  }

  podsListed(reason: RelistReason): void {
    this.#listed('pod', reason);
  }

  /** Compares every kind as a whole: what was under way is lost. */
  resyncAll(reason: string): void {
    for (const signals of this.#signals.values()) signals.resync(reason);
  }

  /** What keeps a kind from being reflected, by kind. */
  blocked(): ReadonlyMap<string, string> {
    const { stallMs } = this.#options.timings;
    return new Map(
      [...this.#watches].flatMap(([kind, watch]) => {
        const [reason] = watchReasons(`${kind} objects (reflection)`, watch.state(), stallMs);
        return reason === undefined ? [] : [[kind, reason] as const];
      }),
    );
  }

  /** Of the watches that tell of a source: two for endpoints, none for pods that are watched elsewhere. */
  watchStates(source: ReflectSource): ListWatchState[] {
    const kinds = source === 'endpoints' ? [source, SLICES] : [source];
    return kinds.flatMap((kind) => this.#watches.get(kind)?.state() ?? []);
  }

  /** Why etcd cannot be used; undefined when it answers. */
  get etcdProblem(): string | undefined {
    return this.#monitor.problem;
  }

  /** Objects that are kept, by kind. */
  cached(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#watches].map(([kind, watch]) => [`reflect-${kind}`, watch.state().size]));
  }

  /** @returns reasons against readiness */
  notReady(): string[] {
    const { problem } = this.#monitor;
    return [...this.blocked().values(), ...(problem === undefined ? [] : [problem])];
  }

  #watch(
    kind: string,
    source: ReflectSource,
    path: string,
    reflectedOf: (object: unknown) => string | undefined,
  ): ListWatch<Watched> {
    const { client, observer, timings } = this.#options;
    return new ListWatch<Watched>({
      client,
      path,
      // An API server older than discovery/v1 has no slices.
      mayBeUnknown: kind === SLICES,
      map: (object) => watchedView(object, reflectedOf),
      onChange: (change: Change<Watched>, _origin, relist) => this.#changed(source, change.view.reflected, relist),
      onSynced: (reason) => this.#listed(source, reason),
      observer: observer(`reflect-${kind}`),
      timings,
    });
  }

  /** What a list tells is compared as a whole, by a resync. */
  #changed(source: ReflectSource, name: string, relist: RelistReason | undefined): void {
    if (relist === undefined && name !== '') this.#signals.get(source)?.dirty(name);
  }

  #listed(source: ReflectSource, reason: RelistReason): void {
    this.#signals.get(source)?.resync(REASONS[reason]);
  }

  #signalsOf(source: ReflectSource): ReflectSignals {
    const { sendDirty, sendResync, onSent, log } = this.#options;
    return new ReflectSignals({
      sendDirty: (names) => sendDirty(source, names),
      sendResync: (reason) => sendResync(source, reason),
      onSent: (lagMs) => onSent(source, lagMs),
      onFailed: (error, retryInMs) =>
        log.warn({ kind: source, retryInMs: Math.round(retryInMs), err: error }, 'signal to the reflection failed'),
    });
  }
}

/** A slice of no service is kept as well, so that nothing is taken for missed; its changes mean nothing. */
function watchedView(object: unknown, reflectedOf: (object: unknown) => string | undefined): Watched | undefined {
  const { metadata } = (object ?? {}) as { metadata?: { uid?: unknown; namespace?: unknown; name?: unknown } };
  const { uid, name, namespace } = metadata ?? {};
  if (typeof uid !== 'string' || typeof name !== 'string') return undefined;
  return { uid, name, namespace: typeof namespace === 'string' ? namespace : '', reflected: reflectedOf(object) ?? '' };
}
