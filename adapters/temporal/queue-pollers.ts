/** Who takes the tasks of a queue. */
import type { Client } from '@temporalio/client';
import { temporalUnavailable } from './connection.ts';

export interface Poller {
  /** As the worker calls itself. */
  readonly identity: string;
  /** Milliseconds since the epoch of the last time that it asked for a task; a worker asks at least once a minute. */
  readonly askedAt: number;
}

/** temporal.api.enums.v1.TaskQueueType */
const ACTIVITIES = 2;
const DEADLINE_MS = 5_000;

/** Of the queue's activities; those that asked within the last five minutes. @throws PodwireError `TemporalUnavailable` */
export async function pollersOf(client: Client, queue: string): Promise<Poller[]> {
  try {
    const { pollers } = await client.withDeadline(Date.now() + DEADLINE_MS, () =>
      client.workflowService.describeTaskQueue({
        namespace: client.options.namespace,
        taskQueue: { name: queue },
        taskQueueType: ACTIVITIES,
      }),
    );
    return pollers.map(({ identity, lastAccessTime }) => ({
      identity: identity ?? '',
      askedAt: Number(lastAccessTime?.seconds ?? 0) * 1_000,
    }));
  } catch (cause) {
    throw temporalUnavailable(`describe task queue ${queue}`, cause);
  }
}
