/**
 * A task's writes of what it does. The first write may have been made together with the observation, and the last one is made together with
 * the pod's status where the task is the only one (ADR 16).
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
} from '../../activities/control/control-contract.ts';
import { controlStep, type RoundContext } from '../steps/run-context.ts';
import type { TaskReport } from './task-report.ts';
import { Stale } from '../steps/outcome.ts';

export interface CombinedEnds {
  /** The task's first step, taken already. */
  readonly begun?: Begun;
  /** Takes the task's last step and publishes the pod's status. Absent: other tasks run beside this one. @throws Interrupted, Stale */
  readonly settle?: (last: LastStep) => Promise<void>;
}

export class TaskRecords {
  readonly #context: RoundContext;
  readonly #report: TaskReport;
  readonly #settle: CombinedEnds['settle'];
  #begun: Begun | undefined;

  constructor(context: RoundContext, report: TaskReport, { begun, settle }: CombinedEnds) {
    this.#context = context;
    this.#report = report;
    this.#begun = begun;
    this.#settle = settle;
  }

  /** The intent that was recorded together with the observation. */
  begunIntent(): IntentResult | undefined {
    const begun = this.#takeBegun();
    return begun?.kind === 'intent' ? begun.result : undefined;
  }

  /** @param network for people. @throws Interrupted */
  recordIntent(input: IntentInput, network: string): Promise<IntentResult> {
    const summary = `record intent: ${input.interfaceName} → ${network}`;
    return controlStep(this.#context, (control) => control.recordIntent.executeWithOptions({ summary }, [input]));
  }

  /** Undefined: the record changed or is gone. @throws Interrupted */
  async beginRemoval(input: RecordInput): Promise<RemovalToken | undefined> {
    const begun = this.#takeBegun();
    if (begun?.kind === 'removal') return begun.token;
    return controlStep(this.#context, (control) =>
      control.beginRemoval.executeWithOptions({ summary: `begin removal: ${input.interfaceName}` }, [input]),
    );
  }

  /**
   * The last step of an attach.
   * @param announce says in the task's report what the pod's status is to tell of it
   * @throws Interrupted, Stale
   */
  recordResult(input: ResultInput, announce: () => void): Promise<void> {
    return this.#mayBeLast({ kind: 'result', input }, announce, true);
  }

  /**
   * The last step of a detach.
   * @param announce as in `recordResult`
   * @param isLast nothing follows in this task
   * @throws Interrupted, Stale
   */
  forget(input: ForgetInput, announce: () => void, isLast: boolean): Promise<void> {
    return this.#mayBeLast({ kind: 'forget', input }, announce, isLast);
  }

  async #mayBeLast(step: LastStep, announce: () => void, isLast: boolean): Promise<void> {
    // Not after trouble: the status that tells of the trouble may still wait to be written, and this step must not wait for that.
    if (isLast && this.#settle !== undefined && !this.#report.yielded) {
      announce();
      return this.#settle(step);
    }
    if (!(await this.#take(step))) throw new Stale('the record was written by somebody else');
    announce();
  }

  /** False: somebody else wrote the record. */
  #take({ kind, input }: LastStep): Promise<boolean> {
    return controlStep(this.#context, (control) =>
      kind === 'result'
        ? control.recordResult.executeWithOptions({ summary: `record result: ${input.interfaceName}` }, [input])
        : control.forgetAttachment.executeWithOptions({ summary: `forget ${input.interfaceName}` }, [input]),
    );
  }

  /** What was begun is what the task's first step asks for. It is handed out once: an undo begins anew. */
  #takeBegun(): Begun | undefined {
    const begun = this.#begun;
    this.#begun = undefined;
    return begun;
  }
}
