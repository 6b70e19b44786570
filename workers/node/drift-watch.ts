/**
 * Looks at a sandbox as soon as the kernel says that somebody else changed something there, and has it repaired: what the next sweep would do
 * within a minute (ADR 49). Links go to the pod's run, forwarding entries are set right by the node.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FdbSync } from '../../activities/network/forwarding/fdb-sync.ts';
import type { SandboxLook } from '../../activities/network/sweep/sandbox-look.ts';
import type { SweepSteps } from '../../activities/network/sweep/sweep-activities.ts';
import { FolderChanges } from '../../adapters/host/folder-changes.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import type { ChangeNotice, ChangeNotices } from '../../domain/ports/change-notices.ts';
import { forwardingRestored } from '../../domain/sweep/classify.ts';
import type { Finding } from '../../domain/sweep/finding.ts';
import { changeId, type NodeSweepInput, type OnlySandbox } from '../../domain/sweep/messages.ts';
import { FollowedSandboxes } from './followed-sandboxes.ts';
import { LookQueue, type Wanted } from './look-queue.ts';
import { RepairBudget } from './repair-budget.ts';

/** Looks that are under way: the node has other things to do. */
const LOOKS_AT_ONCE = 4;
const SPACING_MS = 1_000;
/** What is seen only once was half of a change. */
const SECOND_LOOK_MS = 200;
/** After a hand-over: what came while its run was at work is found then. */
const FOLLOW_UP_MS = 3_000;
const BUDGET = { inRow: 10, refillMs: 10_000 };
/** Namespaces' files come and go in groups. */
const FOLDERS_REST_MS = 100;

export interface DriftObserver {
  noticed(): void;
  looked(): void;
  /** Something differed and was handed over or set right. */
  found(kind: 'link' | 'forwarding', count: number): void;
}

export interface DriftWatchParts {
  readonly node: string;
  readonly bootId: string;
  readonly notices: ChangeNotices;
  readonly netnsRoots: readonly string[];
  readonly fdb: Pick<FdbSync, 'restoreDevice'>;
  readonly observer: DriftObserver;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/** What is there only when the worker serves. */
export interface DriftSteps {
  readonly lookAt: SweepSteps['lookAt'];
  readonly startSweep: (input: NodeSweepInput, workflowId: string) => Promise<void>;
  readonly isTornDown: () => boolean;
}

export class DriftWatch {
  readonly #parts: DriftWatchParts;
  readonly followed: FollowedSandboxes;
  readonly #queue = new LookQueue(SPACING_MS);
  readonly #repairs = new RepairBudget(BUDGET);
  readonly #tellings = new RepairBudget(BUDGET);
  /** By sandbox, the ids of what was handed over last: once is enough, whatever comes of it. */
  readonly #handedOver = new Map<string, ReadonlySet<string>>();
  readonly #looks = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #serving: { readonly steps: DriftSteps; readonly signal: AbortSignal } | undefined;
  #trouble = '';

  constructor(parts: DriftWatchParts) {
    this.#parts = parts;
    const dropped = (sandboxId: string): void => {
      this.#queue.forget(sandboxId);
      this.#handedOver.delete(sandboxId);
    };
    this.followed = new FollowedSandboxes({ bootId: parts.bootId, notices: parts.notices, dropped });
    parts.notices.listen({ changed: (notice) => this.#changed(notice), ended: () => this.followed.dropAll() });
  }

  /** Looks from now on, until `signal` is aborted and the looks that are under way have ended. */
  async serve(steps: DriftSteps, signal: AbortSignal): Promise<void> {
    this.#serving = { steps, signal };
    const folders = this.#followFolders();
    this.#pump();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    this.#serving = undefined;
    clearTimeout(this.#timer);
    folders.close();
    await Promise.allSettled(this.#looks);
  }

  /** A namespace whose file goes is let go at once: until then it lives on. */
  #followFolders(): { close(): void } {
    let timer: NodeJS.Timeout | undefined;
    const changes = new FolderChanges(() => {
      timer ??= setTimeout(() => {
        timer = undefined;
        this.followed.dropGone();
        changes.follow(this.#parts.netnsRoots);
      }, FOLDERS_REST_MS);
    });
    changes.follow(this.#parts.netnsRoots);
    return {
      close: () => {
        clearTimeout(timer);
        changes.close();
      },
    };
  }

  #changed({ sandboxId, forwarding }: ChangeNotice): void {
    this.#parts.observer.noticed();
    if (this.followed.changed(sandboxId) === undefined) return;
    this.#queue.want(sandboxId, { forwarding }, performance.now());
    this.#pump();
  }

  #pump(): void {
    clearTimeout(this.#timer);
    if (this.#serving === undefined) return;
    const { steps, signal } = this.#serving;
    while (this.#looks.size < LOOKS_AT_ONCE) {
      const next = this.#queue.begin(performance.now());
      if (next === undefined) break;
      const looking = this.#look(next, steps, signal).finally(() => {
        this.#looks.delete(looking);
        this.#queue.ended(next.sandboxId);
        this.#pump();
      });
      this.#looks.add(looking);
    }
    if (this.#looks.size >= LOOKS_AT_ONCE) return;
    const waitMs = this.#queue.nextMs(performance.now());
    if (waitMs !== undefined) this.#timer = setTimeout(() => this.#pump(), waitMs);
  }

  /** The net below one that fails is the sweep. */
  async #look(
    { sandboxId, forwarding }: Wanted & { readonly sandboxId: string },
    steps: DriftSteps,
    signal: AbortSignal,
  ): Promise<void> {
    const only = this.followed.changed(sandboxId);
    if (only === undefined || steps.isTornDown()) return;
    this.#parts.observer.looked();
    try {
      await this.#lookAt({ podUid: only.podUid, sandboxId }, { forwarding }, steps, signal);
      this.#trouble = '';
    } catch (err) {
      const trouble = err instanceof Error && 'code' in err ? String(err.code) : String(err);
      if (trouble !== this.#trouble && !signal.aborted)
        this.#parts.log.warn({ sandboxId, err }, 'a sandbox that changed could not be looked at; the sweep does');
      this.#trouble = trouble;
    }
  }

  async #lookAt(only: OnlySandbox, wanted: Wanted, steps: DriftSteps, signal: AbortSignal): Promise<void> {
    const { sandboxId } = only;
    const first = await steps.lookAt(only, signal);
    if (first.snapshot.records.length === 0) return this.followed.drop(sandboxId);
    const suspected = this.#repairable(sandboxId, first);
    if (suspected.length > 0) {
      await sleep(SECOND_LOOK_MS, undefined, { signal });
      const second = await steps.lookAt(only, signal);
      const confirmed = this.#repairable(sandboxId, second).filter(({ id }) => suspected.some((one) => one.id === id));
      if (confirmed.length > 0) await this.#handOver(only, confirmed, steps);
    }
    if (wanted.forwarding) await this.#restoreForwarding(only, first, steps, signal);
  }

  #repairable(sandboxId: string, { findings }: SandboxLook): readonly Finding[] {
    const handedOver = this.#handedOver.get(sandboxId);
    return findings.filter(({ action, id }) => action === 'repair' && handedOver?.has(id) !== true);
  }

  async #handOver(only: OnlySandbox, seen: readonly Finding[], { startSweep }: DriftSteps): Promise<void> {
    const { node, observer } = this.#parts;
    const { sandboxId } = only;
    if (!this.#repairs.take(sandboxId, performance.now())) {
      this.#queue.want(sandboxId, { forwarding: false }, performance.now(), BUDGET.refillMs);
      return;
    }
    const input = { node, pauseSeconds: 0, only: { ...only, seen } };
    await startSweep(input, changeId(node, sandboxId, new Date().toISOString()));
    const before = this.#handedOver.get(sandboxId) ?? [];
    this.#handedOver.set(sandboxId, new Set([...before, ...seen.map(({ id }) => id)].slice(-MOST_IDS)));
    observer.found('link', seen.length);
    this.#queue.want(sandboxId, { forwarding: true }, performance.now(), FOLLOW_UP_MS);
  }

  /** Links that differ are filled when they are repaired. */
  async #restoreForwarding(
    { sandboxId }: OnlySandbox,
    { findings, snapshot }: SandboxLook,
    { startSweep }: DriftSteps,
    signal: AbortSignal,
  ): Promise<void> {
    const { node, fdb, observer, log } = this.#parts;
    const differs = new Set(findings.map(({ attachment }) => attachment?.interfaceName));
    const restored: Finding[] = [];
    const at = new Date().toISOString();
    for (const stored of snapshot.records) {
      const { value } = stored;
      if (value.kind !== 'vxlan' || value.phase !== 'attached' || differs.has(value.interfaceName)) continue;
      const { written, removed } = await fdb.restoreDevice(value, signal);
      if (written + removed === 0) continue;
      observer.found('forwarding', 1);
      const { podUid, interfaceName } = value;
      log.info({ podUid, interfaceName, written, removed }, 'forwarding entries that somebody changed are set right');
      restored.push(forwardingRestored(stored, `${written} were missing, ${removed} were not podwire's`, at));
    }
    if (restored.length > 0 && this.#tellings.take(sandboxId, performance.now()))
      await startSweep({ node, pauseSeconds: 0, restored }, changeId(node, sandboxId, `${at}/forwarding`));
  }
}

/** An interface has a few, one after the other. */
const MOST_IDS = 64;
