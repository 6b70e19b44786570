/**
 * List and watch of one resource, kept going for ever.
 *
 * The client library's informer ends on most errors, keys its cache by name and swallows what its callback throws; this one resumes, keys by
 * UID, and survives its consumer.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { backOffDelay, type BackOff } from '../../domain/concurrency/back-off.ts';
import type { KubeClient } from './client.ts';
import { listAll, ListRefused, versionOf, type Listed } from './paged-list.ts';
import { isNewer, UidCache, type Change, type Identified } from './uid-cache.ts';
import { runWatch, type WatchEnd, type WatchLine } from './watch-stream.ts';

export type RelistReason = 'start' | 'expired' | 'invalid' | 'periodic';

export interface ListWatchTimings {
  readonly relistMs: number;
  readonly stallMs: number;
  readonly backOff: BackOff;
  /** Pause before the API is asked again for a kind of object that it does not know. */
  readonly unknownMs: number;
  /** Pause before an empty list is asked for again, when objects are known. */
  readonly secondLookMs: number;
}

const DEFAULT_TIMINGS: ListWatchTimings = {
  relistMs: 600_000,
  stallMs: 60_000,
  backOff: { minMs: 200, maxMs: 10_000 },
  unknownMs: 10_000,
  secondLookMs: 1_000,
};

/** What happens, for logs and metrics. */
export interface ListWatchObserver {
  event(type: 'added' | 'changed' | 'deleted' | 'bookmark' | 'skipped'): void;
  relist(reason: RelistReason): void;
  /** A relist shows what the watch ought to have told before. */
  cacheMiss(): void;
  /** @param status of an answer that refuses a list */
  failure(message: string, retryInMs: number, status?: number): void;
  consumerError(error: unknown): void;
}

export interface ListWatchOptions<T extends Identified> {
  readonly client: KubeClient;
  /** Path of the collection, for example `/api/v1/pods`. */
  readonly path: string;
  /** Selectors. */
  readonly query?: Readonly<Record<string, string>>;
  /** The kind is a CustomResourceDefinition that may not be installed: then there are no objects, and that is no failure. */
  readonly mayBeUnknown?: boolean;
  /** Reduces an object to what is kept; undefined for what is no such object. Must not throw. */
  readonly map: (object: unknown) => T | undefined;
  /** Called in order; must only enqueue. What it throws is reported and changes nothing. */
  readonly onChange: (change: Change<T>, source: 'list' | 'watch', relist: RelistReason | undefined) => void;
  /** After a list has been told completely. */
  readonly onSynced: (reason: RelistReason) => void;
  readonly observer: ListWatchObserver;
  readonly timings?: Partial<ListWatchTimings>;
}

export interface ListWatchState {
  readonly synced: boolean;
  /** `performance.now()` of the last byte of the API; undefined before the first. */
  readonly lastByteAt: number | undefined;
  readonly size: number;
  /** Of the failure that is being waited out. */
  readonly problem: string | undefined;
}

const PAGE_SIZE = 500;
const PAGE_DEADLINE_MS = 15_000;
const MAX_LINE_BYTES = 8 * 1024 * 1024;
const MAX_CONNECT_MS = 15_000;
/** A stream that ends sooner than this has not worked: without a pause the loop would spin. */
const MIN_STREAM_MS = 1_000;

export class ListWatch<T extends Identified> {
  readonly #options: ListWatchOptions<T>;
  readonly #timings: ListWatchTimings;
  readonly #cache = new UidCache<T>();
  readonly #stop = new AbortController();
  #done: Promise<void> | undefined;
  #version = '';
  #relistReason: RelistReason | undefined = 'start';
  #nextRelistAt = 0;
  /** Consecutive attempts that got no usable answer. */
  #failures = 0;
  /** Consecutive watches that were answered and ended at once. */
  #shortWatches = 0;
  #synced = false;
  #unknown = false;
  #lastByteAt: number | undefined;
  #problem: string | undefined;

  constructor(options: ListWatchOptions<T>) {
    this.#options = options;
    this.#timings = { ...DEFAULT_TIMINGS, ...options.timings };
  }

  start(): void {
    this.#done ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  get(uid: string): T | undefined {
    return this.#cache.get(uid);
  }

  views(): Generator<T> {
    return this.#cache.views();
  }

  state(): ListWatchState {
    return {
      synced: this.#synced,
      lastByteAt: this.#lastByteAt,
      size: this.#cache.size,
      problem: this.#problem,
    };
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        if (this.#relistReason !== undefined) await this.#list(this.#relistReason);
      } catch (error) {
        const refused = error instanceof ListRefused ? error : undefined;
        this.#failures += 1;
        const message = error instanceof Error ? error.message : String(error);
        await this.#wait(message, this.#failures, refused?.retryAfterMs, refused?.status);
        continue;
      }
      if (this.#unknown) {
        await sleep(this.#timings.unknownMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
        this.#relistReason = 'periodic';
        continue;
      }
      const startedAt = performance.now();
      const end = await this.#watch();
      const answered = end.kind === 'expired' || (this.#lastByteAt ?? 0) >= startedAt;
      await this.#afterWatch(end, answered, performance.now() - startedAt >= MIN_STREAM_MS);
    }
  }

  async #list(reason: RelistReason): Promise<void> {
    let listed = await this.#fetch();
    if (listed.items.length === 0 && this.#cache.size > 0) {
      // An empty answer is what a broken proxy or a half-started server gives as well.
      await sleep(this.#timings.secondLookMs, undefined, { signal: this.#stop.signal });
      listed = await this.#fetch();
    }
    this.#failures = 0;
    this.#unknown = listed.unknown === true;
    this.#problem = undefined;
    this.#options.observer.relist(reason);
    this.#countMisses(listed);
    const changes = this.#cache.replace(listed.items);
    this.#version = listed.version;
    this.#relistReason = undefined;
    this.#nextRelistAt = performance.now() + this.#timings.relistMs * (0.9 + Math.random() * 0.2);
    this.#synced = true;
    for (const change of changes) this.#tell(change, 'list', reason);
    this.#guard(() => {
      this.#options.onSynced(reason);
    });
  }

  async #fetch(): Promise<Listed<T>> {
    const listed = await listAll<T>(this.#options.client, {
      path: this.#options.path,
      query: this.#options.query ?? {},
      map: this.#options.map,
      signal: this.#stop.signal,
      pageSize: PAGE_SIZE,
      pageDeadlineMs: PAGE_DEADLINE_MS,
      mayBeUnknown: this.#options.mayBeUnknown === true,
    });
    this.#lastByteAt = performance.now();
    for (let i = 0; i < listed.skipped; i += 1) this.#options.observer.event('skipped');
    return listed;
  }

  /** An object last written before the point the watch had reached, and not known in that state, was missed. */
  #countMisses({ items }: Listed<T>): void {
    if (this.#version === '') return;
    for (const { view, version } of items) {
      if (isNewer(version, this.#version)) continue;
      if (this.#cache.version(view.uid) !== version) this.#options.observer.cacheMiss();
    }
  }

  async #watch(): Promise<WatchEnd> {
    const due = new AbortController();
    const timer = setTimeout(
      () => {
        this.#relistReason ??= 'periodic';
        due.abort();
      },
      Math.max(0, this.#nextRelistAt - performance.now()),
    );
    try {
      return await runWatch(this.#options.client, {
        path: this.#options.path,
        query: {
          ...this.#options.query,
          watch: '1',
          allowWatchBookmarks: 'true',
          resourceVersion: this.#version,
          timeoutSeconds: String(240 + Math.floor(Math.random() * 61)),
        },
        stallMs: this.#timings.stallMs,
        connectMs: Math.min(MAX_CONNECT_MS, this.#timings.stallMs),
        maxLineBytes: MAX_LINE_BYTES,
        signal: AbortSignal.any([this.#stop.signal, due.signal]),
        onBytes: () => {
          this.#lastByteAt = performance.now();
          this.#problem = undefined;
        },
        onLine: (line) => {
          this.#take(line);
        },
      });
    } finally {
      clearTimeout(timer);
    }
  }

  #take({ type, object }: WatchLine): void {
    const version = versionOf(object);
    if (version !== undefined && isNewer(version, this.#version)) this.#version = version;
    if (type === 'BOOKMARK') {
      this.#options.observer.event('bookmark');
      return;
    }
    const view = this.#options.map(object);
    if (view === undefined || version === undefined) {
      this.#options.observer.event('skipped');
      return;
    }
    const changes = type === 'DELETED' ? this.#cache.delete(view) : this.#cache.put(view, version);
    for (const change of changes) this.#tell(change, 'watch', undefined);
  }

  #tell(change: Change<T>, source: 'list' | 'watch', reason: RelistReason | undefined): void {
    this.#options.observer.event(change.type);
    this.#guard(() => {
      this.#options.onChange(change, source, reason);
    });
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#options.observer.consumerError(error);
    }
  }

  async #afterWatch(end: WatchEnd, answered: boolean, lasted: boolean): Promise<void> {
    if (end.kind === 'stopped') return;
    if (end.kind === 'expired' || end.kind === 'invalid') this.#relistReason ??= end.kind;
    if (!answered) {
      this.#failures += 1;
      await this.#wait(`watch ${end.kind}: ${end.message}`, this.#failures, end.retryAfterMs);
      return;
    }
    // The API is back: what was learnt about its absence must not delay what it says now.
    this.#failures = 0;
    this.#shortWatches = lasted ? 0 : this.#shortWatches + 1;
    if (lasted && end.kind !== 'invalid' && end.kind !== 'failed') return;
    await this.#wait(`watch ${end.kind}: ${end.message}`, Math.max(1, this.#shortWatches), end.retryAfterMs);
  }

  async #wait(message: string, attempts: number, retryAfterMs: number | undefined, status?: number): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const delay = Math.max(backOffDelay(this.#timings.backOff, attempts, Math.random), retryAfterMs ?? 0);
    this.#problem = message;
    this.#options.observer.failure(message, delay, status);
    await sleep(delay, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}
