/**
 * reflect: keeps what etcd holds of one kind of Kubernetes objects equal to the cluster. Signals name objects that changed. One activity at a
 * time reads some of these objects and writes what differs. Beside that, a resync compares everything. A name stays in the queue until its
 * object has been reflected. The run ends when there has been nothing to do for a while.
 */
import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { ReflectActivities, ReflectLocalActivities } from '../../activities/reflect/reflect-contract.ts';
import { RETRY_NOW, type ReconcileRequest } from '../../domain/messages.ts';
import {
  MAX_DIRTY_QUEUE,
  REFLECT_DIRTY,
  REFLECT_RESYNC,
  REFLECT_VIEW,
  type DirtyRequest,
  type ReflectInput,
  type ReflectView,
  type ResyncRequest,
} from '../../domain/reflect/messages.ts';
import type { StepFailure } from '../../domain/records.ts';
import * as options from '../steps/activity-options.ts';
import { DirtyNames } from './dirty-names.ts';
import { classify } from '../steps/outcome.ts';
import { ReflectProgress, type ReflectWork } from './reflect-progress.ts';
import { shortSummary } from '../steps/short-summary.ts';

const reflectDirty = defineSignal<[DirtyRequest]>(REFLECT_DIRTY);
const reflectResync = defineSignal<[ResyncRequest]>(REFLECT_RESYNC);
const reflectRetryNow = defineSignal<[ReconcileRequest]>(RETRY_NOW);
const reflectView = defineQuery<ReflectView>(REFLECT_VIEW);

const local = proxyLocalActivities<ReflectLocalActivities>(options.REFLECT_NAMES);
const activities = proxyActivities<ReflectActivities>(options.REFLECT_RESYNC_PASS);

export async function reflect(input: ReflectInput): Promise<void> {
  const run = new ReflectRun(input);
  setHandler(reflectDirty, ({ names }) => run.changed(names));
  setHandler(reflectResync, ({ reason }) => run.compare(reason));
  setHandler(reflectRetryNow, () => run.retry());
  setHandler(reflectView, () => run.view());
  const left = await run.untilNothingIsLeft();
  if (left !== undefined) await continueAsNew<typeof reflect>(left);
}

class ReflectRun {
  readonly #input: ReflectInput;
  readonly #dirty: DirtyNames;
  /** Why a resync is wanted. */
  #wanted: string | undefined;
  /** Why a resync is under way. */
  #resyncing: string | undefined;
  #draining = false;
  /** Nodes may have gone for good. */
  #nodesGone: boolean;
  #cleaning = false;
  #signals = 0;
  #retries = 0;
  #closing = false;
  readonly #progress: ReflectProgress;

  constructor(input: ReflectInput) {
    this.#input = input;
    this.#dirty = new DirtyNames(input.dirty ?? []);
    this.#wanted = input.resync;
    this.#nodesGone = input.nodesGone === true;
    this.#progress = new ReflectProgress(input.source, () => ({
      dirty: this.#dirty.count,
      resync: this.#resyncing ?? this.#wanted,
    }));
  }

  changed(names: readonly string[]): void {
    this.#signals += 1;
    this.#dirty.add(names);
    if (this.#dirty.count <= MAX_DIRTY_QUEUE) return;
    this.#dirty.clear();
    this.#wanted ??= `more than ${MAX_DIRTY_QUEUE} objects changed at once`;
  }

  compare(reason: string): void {
    this.#signals += 1;
    this.#wanted = reason;
  }

  retry(): void {
    this.#signals += 1;
    this.#retries += 1;
  }

  view(): ReflectView {
    return this.#progress.view();
  }

  /** @returns what the next run is to go on with; undefined when all is done */
  async untilNothingIsLeft(): Promise<ReflectInput | undefined> {
    this.#progress.show();
    const tasks = Promise.all([this.#drain(), this.#resync(), this.#clean()]);
    await Promise.race([tasks, this.#untilIdle()]);
    this.#closing = true;
    await tasks;
    if (this.#isIdle) return undefined;
    return {
      ...{ source: this.#input.source, dirty: this.#dirty.all(), nodesGone: this.#nodesGone },
      ...(this.#wanted === undefined ? {} : { resync: this.#wanted }),
    };
  }

  get #isIdle(): boolean {
    const waits = this.#dirty.count > 0 || this.#wanted !== undefined || this.#nodesGone;
    return !waits && !this.#draining && this.#resyncing === undefined && !this.#cleaning;
  }

  /** The history is long enough to be continued as new, and no resync is under way. */
  get #isLong(): boolean {
    const long = this.#signals >= options.REFLECT_SIGNALS_PER_RUN || workflowInfo().continueAsNewSuggested;
    return long && this.#resyncing === undefined && !this.#cleaning;
  }

  async #untilIdle(): Promise<void> {
    for (;;) {
      await condition(() => this.#isIdle || this.#isLong);
      if (this.#isLong) return;
      const before = this.#signals;
      await sleep(options.REFLECT_LINGER);
      if (this.#isIdle && this.#signals === before) return;
    }
  }

  async #drain(): Promise<void> {
    let pause: number = options.REFLECT_PAUSE_SECONDS.first;
    let batch: number = options.REFLECT_BATCH.most;
    for (;;) {
      await condition(() => this.#dirty.count > 0 || this.#closing);
      if (this.#closing) return;
      this.#draining = true;
      const names = this.#dirty.take(batch);
      const summary = names.length === 1 ? (names[0] ?? '') : `${names.length} objects`;
      const failure = await this.#attempt('names', async () => {
        const counts = await local.reflectNames.executeWithOptions({ summary: shortSummary(summary) }, [
          { source: this.#input.source, names },
        ]);
        this.#progress.count(counts);
        // KSR cleans up on a live delete event. A deletion that nobody saw is found by the next resync.
        if (this.#input.source === 'node' && counts.deleted > 0) this.#nodesGone = true;
      });
      if (failure === undefined) {
        pause = options.REFLECT_PAUSE_SECONDS.first;
        batch = Math.min(batch * 2, options.REFLECT_BATCH.most);
      } else {
        // On a busy machine, fewer objects fit the limit of a local activity.
        batch = Math.max(Math.floor(batch / 2), options.REFLECT_BATCH.fewest);
        this.#dirty.putBack(names);
        await this.#pause(pause);
        pause = Math.min(pause * 2, options.REFLECT_PAUSE_SECONDS.longest);
      }
      this.#draining = false;
    }
  }

  async #resync(): Promise<void> {
    let pause: number = options.REFLECT_PAUSE_SECONDS.first;
    for (;;) {
      await condition(() => this.#wanted !== undefined || this.#closing);
      if (this.#closing) return;
      const reason = this.#wanted ?? '';
      this.#wanted = undefined;
      this.#resyncing = reason;
      this.#dirty.resyncBegins();
      this.#progress.show();
      const failure = await this.#attempt('resync', async () => {
        const { source } = this.#input;
        const how = { activityId: `resync-${source}`, summary: shortSummary(`resync: ${reason}`) };
        this.#progress.count(await activities.reflectResync.executeWithOptions(how, [{ source, reason }]));
        if (source === 'node') this.#nodesGone = true;
      });
      this.#resyncing = undefined;
      this.#dirty.resyncEnds(failure === undefined);
      if (failure === undefined) {
        pause = options.REFLECT_PAUSE_SECONDS.first;
      } else {
        this.#wanted ??= reason;
        await this.#pause(pause);
        pause = Math.min(pause * 2, options.REFLECT_PAUSE_SECONDS.longest);
      }
      this.#progress.show();
    }
  }

  /** Two looks with a pause in between. A failure is left to the next resync: nothing depends on this clean-up. */
  async #clean(): Promise<void> {
    for (;;) {
      await condition(() => this.#nodesGone || this.#closing);
      if (this.#closing) return;
      this.#nodesGone = false;
      this.#cleaning = true;
      await this.#attempt('nodes', async () => {
        const how = { activityId: 'find-gone-nodes', summary: 'which nodes with an ID are gone?' };
        const { nodes, lookAgainAfterSeconds } = await activities.findGoneNodes.executeWithOptions(how, []);
        if (nodes.length === 0) return;
        await sleep(`${lookAgainAfterSeconds}s`);
        const summary = shortSummary(`look again at ${nodes.map(({ node }) => node).join(', ')}`);
        await activities.removeGoneNodes.executeWithOptions({ activityId: 'remove-gone-nodes', summary }, [{ nodes }]);
      });
      this.#cleaning = false;
    }
  }

  /** @returns why the work failed. @throws CancelledFailure */
  async #attempt(what: ReflectWork, work: () => Promise<void>): Promise<StepFailure | undefined> {
    try {
      await work();
      this.#progress.succeeded(what);
      return undefined;
    } catch (error) {
      const outcome = classify(error);
      if (outcome.kind === 'cancelled') throw error;
      const failure: StepFailure =
        outcome.kind === 'node-away' ? { code: 'TimedOut', message: 'no orchestrator took the task' } : outcome.failure;
      this.#progress.failed(what, failure);
      return failure;
    }
  }

  /** Ends early when somebody says `retryNow`, or this run gives way to the next. */
  async #pause(seconds: number): Promise<void> {
    const before = this.#retries;
    await condition(() => this.#retries !== before || this.#closing, `${seconds}s`);
  }
}
