/** What Temporal kept of the runs: how many there were, what they were told, and whether a workflow task ever failed. */
import { connectClient, type TemporalClient } from '../../adapters/temporal/connection.ts';
import { signalPod } from '../../adapters/temporal/pod-starter.ts';
import type { Lab } from '../../deploy/lab/lab.ts';
import { DESIRED_CHANGED, podWorkflowId, RETRY_NOW, VIEW_QUERY } from '../../domain/messages.ts';
import type { PodIdentity } from '../../domain/pod/pod-view.ts';

/** EVENT_TYPE_WORKFLOW_TASK_FAILED of temporal.api.enums.v1. */
const WORKFLOW_TASK_FAILED = 9;
/** WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND: a signal came in while the task closed the run; the task is done again, as designed. */
const UNHANDLED_COMMAND = 1;

export class Histories {
  readonly #temporal: TemporalClient;

  constructor(lab: Lab) {
    this.#temporal = connectClient({ address: lab.temporal.host, namespace: 'default' });
  }

  /** Runs and signals of one pod, over its whole life. */
  async countsOf(pod: PodIdentity): Promise<{ runs: number; signals: number }> {
    const workflowId = podWorkflowId(pod);
    let runs = 0;
    let signals = 0;
    for await (const run of this.#temporal.client.workflow.list({ query: `WorkflowId = "${workflowId}"` })) {
      runs += 1;
      const { events } = await this.#temporal.client.workflow.getHandle(workflowId, run.runId).fetchHistory();
      signals += (events ?? []).filter(
        (event) => typeof event.workflowExecutionSignaledEventAttributes?.signalName === 'string',
      ).length;
    }
    return { runs, signals };
  }

  /** Runs with a workflow task that failed (not: timed out, as those of a killed worker do), and why. */
  async failedTasks(since: Date): Promise<string[]> {
    const failed: string[] = [];
    for await (const { workflowId, runId } of this.#temporal.client.workflow.list({
      query: `StartTime > "${since.toISOString()}"`,
    })) {
      const { events } = await this.#temporal.client.workflow.getHandle(workflowId, runId).fetchHistory();
      for (const event of events ?? []) {
        const why = event.workflowTaskFailedEventAttributes;
        if (Number(event.eventType) !== WORKFLOW_TASK_FAILED || Number(why?.cause) === UNHANDLED_COMMAND) continue;
        failed.push(`${workflowId}: ${why?.failure?.message ?? 'no message'}`);
      }
    }
    return failed;
  }

  /** Tells a pod's run that something may have changed, though nothing did. */
  async nudge(pod: PodIdentity): Promise<void> {
    await signalPod(this.#temporal.client, pod, DESIRED_CHANGED, {
      reason: 'test: nothing changed',
    });
  }

  /** As a person does for a stuck or refused pod. */
  async retryNow(pod: PodIdentity): Promise<void> {
    await signalPod(this.#temporal.client, pod, RETRY_NOW, { reason: 'test: try again' });
  }

  /** Queries a run for what it shows. @throws when there is none */
  async view(pod: PodIdentity): Promise<{ state: string; note: string; lanes: { state?: string; note: string }[] }> {
    return this.#temporal.client.workflow.getHandle(podWorkflowId(pod)).query(VIEW_QUERY);
  }

  async close(): Promise<void> {
    await this.#temporal.close();
  }
}
