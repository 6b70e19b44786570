/** Long polls of queues that nobody puts anything in, as those of idle nodes are. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connectClient } from '../../adapters/temporal/connection.ts';
import type { Lab } from '../../deploy/lab/lab.ts';
import { NODE_POLLERS } from '../../domain/messages.ts';

/** The SDK's own; the server ends a poll after a minute. */
const POLL_LIMIT_MS = 70_000;
/** After this each poll of each queue has ended once, and they come spread over the minute. */
const SPREAD_MS = 75_000;

export interface StandInPolls {
  end(): Promise<void>;
}

/** Returns when they have settled. @throws Error when a poll fails, as the end does */
export async function standInPolls(lab: Lab, queues: number): Promise<StandInPolls> {
  const namespace = lab.temporal.namespace ?? 'default';
  const temporal = connectClient({ address: lab.temporal.host, namespace });
  const { connection } = temporal.client;
  const ended = new AbortController();
  const poll = async (name: string, pauseMs: number): Promise<void> => {
    await sleep(pauseMs, undefined, { signal: ended.signal });
    const request = { namespace, taskQueue: { name }, identity: name };
    while (!ended.signal.aborted)
      await connection.withDeadline(Date.now() + POLL_LIMIT_MS, () =>
        connection.withAbortSignal(AbortSignal.any([ended.signal]), () =>
          connection.workflowService.pollActivityTaskQueue(request),
        ),
      );
  };
  const polls = Array.from({ length: queues * NODE_POLLERS }, (_, index) =>
    poll(`stand-in-${index % queues}`, (index * 60_000) / (queues * NODE_POLLERS)).catch((error: unknown) => {
      if (!ended.signal.aborted) throw error;
    }),
  );
  await Promise.race([sleep(SPREAD_MS), Promise.all(polls)]);
  return {
    end: async () => {
      ended.abort();
      await Promise.all(polls);
      await temporal.close();
    },
  };
}
