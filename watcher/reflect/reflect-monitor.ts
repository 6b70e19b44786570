/**
 * Asks etcd every few seconds whether it still is what it was: an etcd that was away, lost its data or was restored from an old snapshot has
 * to be filled again. Asking, not watching: a watch does not tell of a store that went back in time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReflectStore, StoreLook } from '../../domain/ports/reflect-store.ts';

export interface ReflectMonitorOptions {
  readonly store: Pick<ReflectStore, 'look'>;
  /** Keys that tell of lost data by being away or older than before. */
  readonly keys: readonly string[];
  readonly onLost: (reason: string) => void;
  readonly onFailed: (error: unknown) => void;
  readonly intervalMs?: number;
}

const INTERVAL_MS = 2_000;

export class ReflectMonitor {
  readonly #options: ReflectMonitorOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #last: StoreLook | undefined;
  #problem: string | undefined = 'not asked yet';

  constructor(options: ReflectMonitorOptions) {
    this.#options = options;
  }

  /** Why etcd cannot be used; undefined when it answers. */
  get problem(): string | undefined {
    return this.#problem;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#ask();
      await sleep(this.#options.intervalMs ?? INTERVAL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #ask(): Promise<void> {
    const { store, keys, onLost, onFailed } = this.#options;
    let look: StoreLook;
    try {
      look = await store.look(keys);
    } catch (error) {
      if (this.#problem === undefined || this.#last === undefined) onFailed(error);
      this.#problem = error instanceof Error ? error.message : String(error);
      return;
    }
    const before = this.#last;
    const wasAway = this.#problem !== undefined;
    this.#last = look;
    this.#problem = undefined;
    if (before === undefined) return;
    const why = lossOf(before, look) ?? (wasAway ? 'etcd was away' : undefined);
    if (why !== undefined) onLost(why);
  }
}

/** How a look shows that etcd is behind an earlier one; undefined when it is not. */
export function lossOf(before: StoreLook, now: StoreLook): string | undefined {
  if (now.clusterId !== before.clusterId) return 'etcd is another cluster than before';
  if (isOlder(now.revision, before.revision))
    return `etcd's revision went back from ${before.revision} to ${now.revision}`;
  for (const [key, revision] of before.modRevisions) {
    const found = now.modRevisions.get(key);
    if (found === undefined) return `etcd lost ${key}`;
    if (isOlder(found, revision)) return `${key} in etcd is older than before`;
  }
  return undefined;
}

const isOlder = (revision: string, than: string): boolean => BigInt(revision) < BigInt(than);
