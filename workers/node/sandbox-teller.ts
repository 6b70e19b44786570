/**
 * Tells the runs of this node's sandboxes of ADD and DEL. Calls of CNI wait for none of it: what Temporal has not taken yet is repeated, and what a
 * worker before this one has not told is found by what the disk and etcd say (ADR 56).
 */
import { allWithLimit } from '../../domain/concurrency/with-limit.ts';
import type { IpNumbers } from '../../domain/ports/ip-numbers.ts';
import type { LeaseStore } from '../../domain/ports/lease-store.ts';
import type { PrimarySandboxes } from '../../domain/ports/primary-sandboxes.ts';
import type { PrimaryRuns, SandboxDuties } from '../../domain/ports/sandbox-duties.ts';
import { sandboxesOf, sandboxOf, untoldSandboxes, type PrimarySandbox } from '../../domain/primary/sandbox.ts';

/** Of one node; a burst of pods is spread over some seconds rather than sent at once. */
const AT_ONCE = 4;
/** More are not kept: the disk and etcd tell of them. */
const MOST_NEWS = 5_000;
/** Of what a DEL has for all that it waits for. */
const HOOKS_LIMIT_MS = 5_000;

export interface TellerParts {
  readonly node: string;
  readonly leases: Pick<LeaseStore, 'leases'>;
  readonly ip: Pick<IpNumbers, 'text'>;
  readonly runs: PrimaryRuns;
  readonly records: Pick<PrimarySandboxes, 'list'>;
  /** Each `queue/activity`. */
  readonly hooks: { readonly postAdd: readonly string[]; readonly preRemoval: readonly string[] };
  readonly observer: TellerObserver;
}

interface TellerObserver {
  /** There is something to tell. */
  news(): void;
  /** A DEL goes on without these; their run goes on with them. @param why they could not be asked for at all */
  hooksLeft(sandboxId: string, hooks: readonly string[], why: unknown): void;
}

type News =
  | { readonly kind: 'added'; readonly sandbox: PrimarySandbox }
  | {
      readonly kind: 'ended';
      readonly sandbox: PrimarySandbox;
      readonly hooks: readonly string[];
      readonly upTo: number;
    };

export class SandboxTeller implements SandboxDuties {
  readonly #parts: TellerParts;
  /** By sandbox, the last of each: a run that hears of an end has nothing to do for what was before. */
  readonly #news = new Map<string, News>();
  /** Of DELs at work: pre-removal hooks that are not over. */
  readonly #hooksLeft = new Map<string, readonly string[]>();
  #isCompared = false;

  constructor(parts: TellerParts) {
    this.#parts = parts;
  }

  added(sandboxId: string): void {
    const sandbox = this.#onDisk(sandboxId);
    if (sandbox !== undefined) this.#note({ kind: 'added', sandbox });
  }

  async beforeRemoval(sandboxId: string, signal: AbortSignal): Promise<void> {
    const { node, runs, hooks, observer } = this.#parts;
    const sandbox = this.#onDisk(sandboxId);
    if (sandbox === undefined || hooks.preRemoval.length === 0) return;
    // Where the answer does not come: all of them.
    this.#hooksLeft.set(sandboxId, hooks.preRemoval);
    try {
      const news = { sandbox, hooks: hooks.preRemoval };
      const left = await runs.beforeRemoval(node, news, HOOKS_LIMIT_MS, signal);
      this.#hooksLeft.set(sandboxId, left);
      if (left.length > 0) observer.hooksLeft(sandboxId, left, undefined);
    } catch (error) {
      observer.hooksLeft(sandboxId, hooks.preRemoval, error);
    }
  }

  ended(sandboxId: string): void {
    const { leases, hooks } = this.#parts;
    const left = this.#hooksLeft.get(sandboxId) ?? hooks.preRemoval;
    this.#hooksLeft.delete(sandboxId);
    const sandbox = this.#onDisk(sandboxId);
    if (sandbox === undefined) return;
    const own = leases.leases().filter((lease) => lease.sandboxId === sandboxId);
    this.#note({ kind: 'ended', sandbox, hooks: left, upTo: Math.max(...own.map(({ sequence }) => sequence)) });
  }

  /** How many sandboxes there are of which Temporal is still to be told. */
  get waiting(): number {
    return this.#news.size;
  }

  /** Until there is news nothing is to be done. */
  get isDone(): boolean {
    return this.#news.size === 0 && this.#isCompared;
  }

  /** The next turn compares what the disk says with what etcd says: at the start, now and then, and when etcd is another one. */
  compareAgain(): void {
    this.#isCompared = false;
  }

  /** One turn: compares if that is due, and tells. @throws PodwireError EtcdUnavailable, TemporalUnavailable: what is left is told by the next turn */
  async tell(signal: AbortSignal): Promise<void> {
    // Temporal may be there while etcd is not.
    const [compared] = await Promise.allSettled([this.#isCompared ? undefined : this.#compare()]);
    await allWithLimit([...this.#news], AT_ONCE, async ([sandboxId, news]) => {
      if (!signal.aborted) await this.#send(sandboxId, news);
    });
    if (compared.status === 'rejected') throw compared.reason;
  }

  async #compare(): Promise<void> {
    const { node, leases, ip, records, hooks } = this.#parts;
    this.#isCompared = true;
    try {
      const known = await records.list(node);
      // The disk is read behind etcd: a sandbox that came meanwhile is told of twice rather than taken for ended.
      const { added, ended } = untoldSandboxes(sandboxesOf(leases.leases(), ip).held, known);
      for (const sandbox of added) this.#noteUntold({ kind: 'added', sandbox });
      for (const { sandboxId, pod, interfaces } of ended)
        this.#noteUntold({
          ...{ kind: 'ended', hooks: hooks.preRemoval, upTo: 0 },
          sandbox: { sandboxId, pod, interfaces },
        });
    } catch (error) {
      this.#isCompared = false;
      throw error;
    }
  }

  #noteUntold(news: News): void {
    if (!this.#news.has(news.sandbox.sandboxId)) this.#note(news);
  }

  #note(news: News): void {
    const { sandboxId } = news.sandbox;
    if (this.#news.size >= MOST_NEWS && !this.#news.has(sandboxId)) this.#isCompared = false;
    else this.#news.set(sandboxId, news);
    this.#parts.observer.news();
  }

  async #send(sandboxId: string, news: News): Promise<void> {
    const { node, runs, hooks } = this.#parts;
    const isLast = (): boolean => this.#news.get(sandboxId) === news;
    try {
      if (news.kind === 'added') await runs.added(node, { sandbox: news.sandbox, hooks: hooks.postAdd });
      else await runs.ended(node, { sandbox: news.sandbox, hooks: news.hooks, upTo: news.upTo });
      if (isLast()) this.#news.delete(sandboxId);
    } catch (error) {
      // To the end of the row: it is not to keep others from their turn if it is the only one that is refused.
      if (isLast()) {
        this.#news.delete(sandboxId);
        this.#news.set(sandboxId, news);
      }
      throw error;
    }
  }

  #onDisk(sandboxId: string): PrimarySandbox | undefined {
    const { leases, ip } = this.#parts;
    return sandboxOf(leases.leases(), sandboxId, ip);
  }
}
