/** What a person sees of a reflection: search attribute, current details in the UI, and the `reflectView` query. */
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';
import { SEARCH_STATE, type ProvisioningState } from '../../domain/messages.ts';
import type { StepFailure } from '../../domain/records.ts';
import { NO_COUNTS, type ReflectCounts, type ReflectView } from '../../domain/reflect/messages.ts';
import { controlState } from '../steps/control-state.ts';

const stateKey = defineSearchAttributeKey(SEARCH_STATE, 'KEYWORD');

/** The kinds of work, in the order in which their failures matter. */
const WORK = ['names', 'resync', 'nodes'] as const;
export type ReflectWork = (typeof WORK)[number];

interface Waiting {
  /** How many names. */
  readonly dirty: number;
  /** Why a resync is under way or wanted. */
  readonly resync: string | undefined;
}

export class ReflectProgress {
  readonly #source: ReflectView['source'];
  readonly #waiting: () => Waiting;
  readonly #failures = new Map<ReflectWork, StepFailure>();
  #done: ReflectCounts = NO_COUNTS;
  #shown: ProvisioningState | undefined;

  constructor(source: ReflectView['source'], waiting: () => Waiting) {
    this.#source = source;
    this.#waiting = waiting;
  }

  count(counts: ReflectCounts): void {
    const { added, updated, deleted } = this.#done;
    this.#done = { added: added + counts.added, updated: updated + counts.updated, deleted: deleted + counts.deleted };
  }

  succeeded(work: ReflectWork): void {
    if (this.#failures.delete(work)) this.show();
  }

  failed(work: ReflectWork, failure: StepFailure): void {
    this.#failures.set(work, failure);
    this.show();
  }

  view(): ReflectView {
    const failure = WORK.map((work) => this.#failures.get(work)).find((each) => each !== undefined);
    const { dirty, resync } = this.#waiting();
    return {
      source: this.#source,
      state: failure !== undefined ? controlState(failure) : resync === undefined ? 'Converged' : 'Converging',
      ...(failure === undefined ? {} : { failure: `${failure.code}: ${failure.message}` }),
      dirty,
      ...(resync === undefined ? {} : { resync }),
      done: this.#done,
    };
  }

  /** Search attributes cost an event. They are written only when the state changes, not with each object. */
  show(): void {
    const { source, state, failure, resync } = this.view();
    if (this.#shown !== state) upsertSearchAttributes([{ key: stateKey, value: state }]);
    this.#shown = state;
    const lines = [`**${state}**: ${source} objects to etcd`];
    if (resync !== undefined) lines.push(`resync: ${resync}`);
    if (failure !== undefined) lines.push(failure);
    setCurrentDetails(lines.join('\n\n'));
  }
}
