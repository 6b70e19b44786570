/**
 * reflect: keeps what etcd holds of one kind of Kubernetes objects equal to the cluster. Signals name objects that changed; one activity at a
 * time brings some of them in line, reading them itself. A resync compares everything, beside that. A name that could not be reflected stays
 * until it is. Ends when there is nothing to do for a while.
 */
import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { ReflectActivities, ReflectLocalActivities } from '../activities/reflect/inputs.ts';
import { MESSAGE_VERSION, RETRY_NOW, SEARCH_STATE, type Hint, type ProvisioningState } from '../domain/messages.ts';
import {
  MAX_DIRTY_QUEUE,
  NO_COUNTS,
  REFLECT_DIRTY,
  REFLECT_RESYNC,
  REFLECT_VIEW,
  type DirtyHint,
  type ReflectCounts,
  type ReflectInput,
  type ReflectView,
  type ResyncHint,
} from '../domain/reflection/messages.ts';
import type { StepFailure } from '../domain/records.ts';
import * as options from './activity-options.ts';
import { classify } from './outcome.ts';

export const reflectDirty = defineSignal<[DirtyHint]>(REFLECT_DIRTY);
export const reflectResync = defineSignal<[ResyncHint]>(REFLECT_RESYNC);
export const reflectRetryNow = defineSignal<[Hint]>(RETRY_NOW);
export const reflectView = defineQuery<ReflectView>(REFLECT_VIEW);

const stateKey = defineSearchAttributeKey(SEARCH_STATE, 'KEYWORD');
const v = MESSAGE_VERSION;
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
  /** Names that wait, oldest first. */
  readonly #dirty: Set<string>;
  /** Names that were worked on during the resync: it may have read them before, so they are looked at once more after it. */
  readonly #beside = new Set<string>();
  /** Why a resync is wanted. */
  #wanted: string | undefined;
  /** Why one is under way. */
  #resyncing: string | undefined;
  #draining = false;
  /** Nodes may have gone for good. */
  #nodesGone: boolean;
  #cleaning = false;
  #signals = 0;
  #retries = 0;
  #closing = false;
  readonly #failures = new Map<'names' | 'resync' | 'nodes', StepFailure>();
  #shown: ProvisioningState | undefined;
  #done: ReflectCounts = NO_COUNTS;

  constructor(input: ReflectInput) {
    this.#input = input;
    this.#dirty = new Set(input.dirty ?? []);
    this.#wanted = input.resync;
    this.#nodesGone = input.nodesGone === true;
  }

  changed(names: readonly string[]): void {
    this.#signals += 1;
    for (const name of names) this.#dirty.add(name);
    if (this.#dirty.size <= MAX_DIRTY_QUEUE) return;
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
    const failure = this.#failure;
    const resync = this.#resyncing ?? this.#wanted;
    return {
      source: this.#input.source,
      state: this.#state,
      ...(failure === undefined ? {} : { failure: `${failure.code}: ${failure.message}` }),
      dirty: this.#dirty.size,
      ...(resync === undefined ? {} : { resync }),
      done: this.#done,
    };
  }

  /** Returns with what the next run is to go on with, or nothing when all is done. */
  async untilNothingIsLeft(): Promise<ReflectInput | undefined> {
    this.#show();
    const lanes = Promise.all([this.#drain(), this.#resync(), this.#clean()]);
    await Promise.race([lanes, this.#untilIdle()]);
    this.#closing = true;
    await lanes;
    if (this.#isIdle) return undefined;
    return {
      ...{ v, source: this.#input.source, dirty: [...this.#dirty], nodesGone: this.#nodesGone },
      ...(this.#wanted === undefined ? {} : { resync: this.#wanted }),
    };
  }

  get #isIdle(): boolean {
    const waits = this.#dirty.size > 0 || this.#wanted !== undefined || this.#nodesGone;
    return !waits && !this.#draining && this.#resyncing === undefined && !this.#cleaning;
  }

  /** Long enough: to be continued as new, but not in the middle of a resync. */
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
    for (;;) {
      await condition(() => this.#dirty.size > 0 || this.#closing);
      if (this.#closing) return;
      this.#draining = true;
      const names = this.#take(options.REFLECT_BATCH);
      const summary = names.length === 1 ? (names[0] ?? '') : `${names.length} objects`;
      const failure = await this.#attempt('names', async () => {
        const counts = await local.reflectNames.executeWithOptions({ summary: shortSummary(summary) }, [
          { v, source: this.#input.source, names },
        ]);
        this.#count(counts);
        // KSR cleans up on a live delete event; what went unseen is found by the next resync.
        if (this.#input.source === 'node' && counts.deleted > 0) this.#nodesGone = true;
      });
      if (failure === undefined) pause = options.REFLECT_PAUSE_SECONDS.first;
      else {
        this.#putBack(names);
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
      this.#beside.clear();
      this.#show();
      const failure = await this.#attempt('resync', async () => {
        const { source } = this.#input;
        const how = { activityId: `resync-${source}`, summary: shortSummary(`resync: ${reason}`) };
        this.#count(await activities.reflectResync.executeWithOptions(how, [{ v, source, reason }]));
        if (source === 'node') this.#nodesGone = true;
      });
      this.#resyncing = undefined;
      if (failure === undefined) {
        pause = options.REFLECT_PAUSE_SECONDS.first;
        for (const name of this.#beside) this.#dirty.add(name);
      } else {
        this.#wanted ??= reason;
        await this.#pause(pause);
        pause = Math.min(pause * 2, options.REFLECT_PAUSE_SECONDS.longest);
      }
      this.#show();
    }
  }

  /** Two looks with a pause in between. What goes wrong is left to the next resync: nothing depends on it. */
  async #clean(): Promise<void> {
    for (;;) {
      await condition(() => this.#nodesGone || this.#closing);
      if (this.#closing) return;
      this.#nodesGone = false;
      this.#cleaning = true;
      await this.#attempt('nodes', async () => {
        const how = { activityId: 'find-gone-nodes', summary: 'which nodes with an ID are gone?' };
        const { nodes, lookAgainAfterSeconds } = await activities.findGoneNodes.executeWithOptions(how, [{ v }]);
        if (nodes.length === 0) return;
        await sleep(`${lookAgainAfterSeconds}s`);
        const summary = shortSummary(`look again at ${nodes.map(({ node }) => node).join(', ')}`);
        await activities.removeGoneNodes.executeWithOptions({ activityId: 'remove-gone-nodes', summary }, [
          { v, nodes },
        ]);
      });
      this.#cleaning = false;
    }
  }

  #take(count: number): string[] {
    const names: string[] = [];
    for (const name of this.#dirty) {
      if (names.length === count) break;
      names.push(name);
    }
    for (const name of names) {
      this.#dirty.delete(name);
      if (this.#resyncing !== undefined) this.#beside.add(name);
    }
    return names;
  }

  #putBack(names: readonly string[]): void {
    const later = [...this.#dirty];
    this.#dirty.clear();
    for (const name of [...names, ...later]) this.#dirty.add(name);
  }

  /** Returns why it failed. @throws CancelledFailure */
  async #attempt(what: 'names' | 'resync' | 'nodes', work: () => Promise<void>): Promise<StepFailure | undefined> {
    try {
      await work();
      if (this.#failures.delete(what)) this.#show();
      return undefined;
    } catch (error) {
      const outcome = classify(error);
      if (outcome.kind === 'cancelled') throw error;
      const failure: StepFailure =
        outcome.kind === 'node-away' ? { code: 'TimedOut', message: 'no orchestrator took the task' } : outcome.failure;
      this.#failures.set(what, failure);
      this.#show();
      return failure;
    }
  }

  /** Ends early when somebody says `retryNow`, or this run gives way to the next. */
  async #pause(seconds: number): Promise<void> {
    const before = this.#retries;
    await condition(() => this.#retries !== before || this.#closing, `${seconds}s`);
  }

  #count(counts: ReflectCounts): void {
    const { added, updated, deleted } = this.#done;
    this.#done = { added: added + counts.added, updated: updated + counts.updated, deleted: deleted + counts.deleted };
  }

  get #failure(): StepFailure | undefined {
    return this.#failures.get('names') ?? this.#failures.get('resync') ?? this.#failures.get('nodes');
  }

  get #state(): ProvisioningState {
    const failure = this.#failure;
    if (failure === undefined)
      return this.#resyncing === undefined && this.#wanted === undefined ? 'Converged' : 'Converging';
    if (failure.code === 'ApiUnavailable') return 'ApiUnavailable';
    return failure.code === 'EtcdUnavailable' || failure.code === 'TimedOut' ? 'EtcdUnavailable' : 'Stuck';
  }

  /** Search attributes cost an event: only when the state changes, not with each object. */
  #show(): void {
    const { state, failure, resync } = this.view();
    if (this.#shown !== state) upsertSearchAttributes([{ key: stateKey, value: state }]);
    this.#shown = state;
    const lines = [`**${state}**: ${this.#input.source} objects to etcd`];
    if (resync !== undefined) lines.push(`resync: ${resync}`);
    if (failure !== undefined) lines.push(failure);
    setCurrentDetails(lines.join('\n\n'));
  }
}

/** The server refuses a command whose encoded summary exceeds 400 bytes. */
const MAX_SUMMARY_CHARACTERS = 180;

const shortSummary = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_SUMMARY_CHARACTERS);
