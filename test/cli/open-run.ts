/** The open run of a pod, read from Temporal itself. */
import type { Client } from '@temporalio/client';
import { openRunsQuery } from '../../cli/pod-runs.ts';
import type { PodRef } from '../../deploy/demo/kernel-look.ts';
import type { ProvisioningState } from '../../domain/messages.ts';
import { waitFor } from '../lab/harness.ts';

/** Waits until visibility lists an open run of the pod in that state; returns its workflow id. */
export function waitState(client: Client, pod: PodRef, state: ProvisioningState, limitMs = 60_000): Promise<string> {
  return waitFor(
    `run of ${pod.namespace}/${pod.name} in state ${state}`,
    async () => {
      const query = openRunsQuery({ ...pod, state });
      for await (const { workflowId } of client.workflow.list({ query })) return workflowId;
      return undefined;
    },
    { limitMs },
  );
}

/** How often an activity of the pod's latest run has failed so far. */
export async function failedAttempts(client: Client, workflowId: string, activityId: string): Promise<number> {
  const handle = client.workflow.getHandle(workflowId);
  const [{ events = [] }, description] = await Promise.all([handle.fetchHistory(), handle.describe()]);
  const scheduled = new Set(
    (events ?? [])
      .filter((event) => event.activityTaskScheduledEventAttributes?.activityId === activityId)
      .map((event) => String(event.eventId)),
  );
  const closed = (events ?? []).filter(({ activityTaskFailedEventAttributes: failed }) =>
    scheduled.has(String(failed?.scheduledEventId)),
  ).length;
  const pending = (description.raw.pendingActivities ?? []).find((each) => each.activityId === activityId);
  return closed + Math.max(0, (pending?.attempt ?? 1) - 1);
}
