/** What the steps of one task share: the round's context, and what belongs to the task. */
import type { AttachmentTask } from '../../domain/plan/plan.ts';
import type { RoundContext } from '../steps/run-context.ts';
import type { TaskReport } from './task-report.ts';
import type { TaskRecords } from './task-records.ts';

export interface TaskContext extends RoundContext {
  readonly task: AttachmentTask;
  readonly report: TaskReport;
  readonly records: TaskRecords;
}
