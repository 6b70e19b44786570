/**
 * A lane's writes of what it does. The first may have been made together with the observation, and the last may be left to whoever
 * publishes the status afterwards (ADR 16).
 */
import type {
  Begun,
  ForgetInput,
  IntentInput,
  IntentResult,
  LastStep,
  RecordInput,
  RemovalToken,
  ResultInput,
} from '../activities/control/inputs.ts';
import { controlStep, type RunContext } from './context.ts';
import type { LaneNews } from './lane-news.ts';
import { Stale } from './outcome.ts';

export interface JoinedEnds {
  /** The lane's first step, taken already. */
  readonly begun?: Begun;
  /** The last step is left to whoever publishes the status afterwards. */
  readonly settlesAtEnd: boolean;
}

export class LaneRecords {
  /** What is still to be done when the lane has ended with `done`. */
  lastStep: LastStep | undefined;
  readonly #run: RunContext;
  readonly #news: LaneNews;
  readonly #settlesAtEnd: boolean;
  #begun: Begun | undefined;

  constructor(run: RunContext, news: LaneNews, { begun, settlesAtEnd }: JoinedEnds) {
    this.#run = run;
    this.#news = news;
    this.#begun = begun;
    this.#settlesAtEnd = settlesAtEnd;
  }

  /** The intent that was recorded together with the observation. */
  begunIntent(): IntentResult | undefined {
    const begun = this.#takeBegun();
    return begun?.kind === 'intent' ? begun.result : undefined;
  }

  /** @param network for people */
  recordIntent(input: IntentInput, network: string): Promise<IntentResult> {
    const summary = `record intent: ${input.interfaceName} → ${network}`;
    return controlStep(this.#run, (control) => control.recordIntent.executeWithOptions({ summary }, [input]));
  }

  /** Undefined: the record changed or is gone. */
  async beginRemoval(input: RecordInput): Promise<RemovalToken | undefined> {
    const begun = this.#takeBegun();
    if (begun?.kind === 'removal') return begun.token;
    return controlStep(this.#run, (control) =>
      control.beginRemoval.executeWithOptions({ summary: `begin removal: ${input.interfaceName}` }, [input]),
    );
  }

  /** @throws Interrupted, Stale */
  async recordResult(input: ResultInput): Promise<void> {
    if (this.#leavesLastStep) {
      this.lastStep = { kind: 'result', input };
      return;
    }
    const recorded = await controlStep(this.#run, (control) =>
      control.recordResult.executeWithOptions({ summary: `record result: ${input.interfaceName}` }, [input]),
    );
    if (!recorded) throw new Stale('the record was written by somebody else');
  }

  /**
   * @param isLast nothing follows in this lane
   * @throws Interrupted, Stale
   */
  async forget(input: ForgetInput, isLast: boolean): Promise<void> {
    if (isLast && this.#leavesLastStep) {
      this.lastStep = { kind: 'forget', input };
      return;
    }
    const forgotten = await controlStep(this.#run, (control) =>
      control.forgetAttachment.executeWithOptions({ summary: `forget ${input.interfaceName}` }, [input]),
    );
    if (!forgotten) throw new Stale('the record was written by somebody else');
  }

  /** Not after trouble: the status that tells of it may still wait to be written, and this must not wait for it. */
  get #leavesLastStep(): boolean {
    return this.#settlesAtEnd && !this.#news.yielded;
  }

  /** What was begun is what the first step asks for, and is asked for once: an undo begins anew. */
  #takeBegun(): Begun | undefined {
    const begun = this.#begun;
    this.#begun = undefined;
    return begun;
  }
}
