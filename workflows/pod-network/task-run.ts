/** One attachment task: everything to be done for one interface of the pod, in order. */
import type { AttachmentTask } from '../../domain/plan/plan.ts';
import { attach } from './attach.ts';
import type { RoundContext } from '../steps/run-context.ts';
import { detach } from './detach.ts';
import type { TaskContext } from './task-context.ts';
import { TaskReport } from './task-report.ts';
import { TaskRecords, type CombinedEnds } from './task-records.ts';
import { Interrupted, Stale } from '../steps/outcome.ts';
import { rollBack } from './roll-back.ts';
import { takeOver } from './take-over.ts';

/**
 * How a task ended. Every end but `done` and `refused` makes the run observe again. `renamed`: the desired network gets another interface name.
 * `taken-over`: what another runtime attached is podwire's now.
 */
export type TaskEnd = 'done' | 'refused' | 'interrupted' | 'stale' | 'renamed' | 'taken-over';

export interface TaskRunOptions extends CombinedEnds {
  /** Called when the pod's status should be published before all tasks end. */
  readonly onCondition: () => void;
}

export class TaskRun {
  readonly report: TaskReport;
  ended = false;
  readonly #context: TaskContext;

  constructor(context: RoundContext, task: AttachmentTask, { onCondition, ...ends }: TaskRunOptions) {
    const report = new TaskReport(context, task.interfaceName, onCondition);
    this.report = report;
    this.#context = { ...context, task, report, records: new TaskRecords(context, report, ends) };
  }

  async run(): Promise<TaskEnd> {
    try {
      // Nothing is begun that the request may take back: the next round observes first.
      if (this.#context.wake.hasRequest) throw new Interrupted();
      return await stepsOf(this.#context);
    } catch (error) {
      if (error instanceof Interrupted) return 'interrupted';
      if (error instanceof Stale) return 'stale';
      throw error;
    } finally {
      this.report.yielded = true;
      this.ended = true;
    }
  }
}

async function stepsOf(context: TaskContext): Promise<TaskEnd> {
  const { task, report } = context;
  if (task.takeOver !== undefined) return takeOver(context, task.takeOver);
  for (const record of task.remove) {
    const isLast = task.attach === undefined && task.rollBack === undefined && record === task.remove.at(-1);
    const refusal = await detach(context, record, record.completed ? 'wanted' : 'undo', isLast);
    if (refusal !== undefined) return report.refuse(record.network, refusal);
  }
  if (task.rollBack !== undefined) return finishRollBack(context, task.rollBack);
  return task.attach === undefined ? 'done' : attach(context, task.attach.desired, task.attach.sandboxId);
}

async function finishRollBack(context: TaskContext, link: NonNullable<AttachmentTask['rollBack']>): Promise<TaskEnd> {
  const outcome = await rollBack(context, link);
  if (outcome === 'nothing') throw new Stale('the edit is not there any more');
  return outcome === 'refused' ? 'refused' : 'done';
}
