/** When the steps of a run began and ended, from its history: Temporal's clock is the machine's. */
import type { BenchLab } from './bench-lab.ts';

export interface Step {
  readonly kind: 'start' | 'workflow-task' | 'local' | 'activity';
  /** Activity type; empty for other kinds. */
  readonly name: string;
  /** All in milliseconds since the epoch. */
  readonly scheduledAt: number;
  readonly startedAt: number;
  readonly endedAt: number;
}

interface Stamp {
  seconds?: number | { toString(): string } | null;
  nanos?: number | null;
}

/** Id of the newest run of a workflow. */
export async function newestRun({ temporal }: BenchLab, workflowId: string): Promise<string> {
  return (await temporal.client.workflow.getHandle(workflowId).describe()).runId;
}

/** Steps of one run in the order of their end. */
export async function runSteps({ temporal }: BenchLab, workflowId: string, runId: string): Promise<Step[]> {
  const history = await temporal.client.workflow.getHandle(workflowId, runId).fetchHistory();
  const events = history.events ?? [];
  const at = (id: unknown): number => {
    const found = events.find((event) => String(event.eventId) === String(id));
    return found === undefined ? Number.NaN : millis(found.eventTime);
  };
  const steps: Step[] = [];
  for (const event of events) {
    const endedAt = millis(event.eventTime);
    const task = event.workflowTaskCompletedEventAttributes;
    const activity = event.activityTaskCompletedEventAttributes;
    const marker = event.markerRecordedEventAttributes;
    if (event.workflowExecutionStartedEventAttributes) {
      steps.push({ kind: 'start', name: '', scheduledAt: endedAt, startedAt: endedAt, endedAt });
    } else if (task) {
      const times = { scheduledAt: at(task.scheduledEventId), startedAt: at(task.startedEventId), endedAt };
      steps.push({ kind: 'workflow-task', name: '', ...times });
    } else if (activity) {
      const scheduled = events.find((other) => String(other.eventId) === String(activity.scheduledEventId));
      const name = scheduled?.activityTaskScheduledEventAttributes?.activityType?.name ?? '';
      const times = { scheduledAt: at(activity.scheduledEventId), startedAt: at(activity.startedEventId), endedAt };
      steps.push({ kind: 'activity', name, ...times });
    } else if (marker?.markerName === 'core_local_activity') {
      const data = marker.details?.['data']?.payloads?.[0]?.data;
      const parsed = data ? parseLocal(Buffer.from(data).toString('utf8')) : undefined;
      if (parsed !== undefined) steps.push(parsed);
    }
  }
  return steps;
}

interface LocalMarker {
  activity_type: string;
  complete_time?: Stamp;
  original_schedule_time?: Stamp;
}

/** The SDK's core writes these into its markers of local activities. */
function parseLocal(text: string): Step | undefined {
  const { activity_type: name, complete_time, original_schedule_time } = JSON.parse(text) as LocalMarker;
  if (complete_time === undefined || original_schedule_time === undefined) return undefined;
  const scheduledAt = millis(original_schedule_time);
  return { kind: 'local', name, scheduledAt, startedAt: scheduledAt, endedAt: millis(complete_time) };
}

const millis = (stamp: Stamp | null | undefined): number =>
  Number(String(stamp?.seconds ?? 0)) * 1000 + (stamp?.nanos ?? 0) / 1e6;
