/** `SandboxRuns` by updates that start the run if none is open (update-with-start, Temporal 1.28). */
import { setTimeout as sleep } from 'node:timers/promises';
import { status as grpcStatus } from '@grpc/grpc-js';
import { WithStartWorkflowOperation, WorkflowUpdateFailedError, type Client } from '@temporalio/client';
import { backOffDelay, type BackOff } from '../../domain/concurrency/back-off.ts';
import {
  AWAIT_NETWORKS,
  RELEASE_SANDBOX,
  type NetworksTable,
  type Release,
  type SandboxRequest,
} from '../../domain/messages.ts';
import type { SandboxRuns } from '../../domain/ports/sandbox-runs.ts';
import { temporalUnavailable } from './connection.ts';
import { podRun, startOptions, type Run } from './pod-starter.ts';

/** An attempt that has less time left than this is not begun. */
const ROUND_TRIP_MS = 1_000;
/** What of its time whoever asks leaves to the run, which counts from when it hears of the question: on a busy machine it begins late. */
const SHARE_OF_RUN = 0.75;
/** The first is for a run that is just ending; the last for one whose build does not know the update. */
const PAUSE: BackOff = { minMs: 50, maxMs: 2_000 };

export function createSandboxRuns(client: Client): SandboxRuns {
  return {
    awaitNetworks: (pod, sandboxId, limitMs, signal) =>
      askRun<NetworksTable>(client, podRun(pod), AWAIT_NETWORKS, { request: requestOf(sandboxId), limitMs, signal }),
    release: (pod, sandboxId, limitMs, signal) => {
      const run = podRun(pod);
      const ending = { ...run, input: { ...run.input, ending: sandboxId } };
      return askRun<Release>(client, ending, RELEASE_SANDBOX, { request: requestOf(sandboxId), limitMs, signal });
    },
  };
}

const requestOf =
  (sandboxId: string) =>
  (seconds: number): SandboxRequest => ({ sandboxId, seconds });

export interface RunQuestion {
  /** @param seconds after which the run answers what it has come to */
  readonly request: (seconds: number) => object;
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/**
 * Asks the run by an update, and starts one if none is open. A run that is just ending takes no update, and is no reason to start the next one
 * until it has ended: asked again until then.
 * @throws PodwireError TemporalUnavailable
 */
export async function askRun<T>(
  client: Client,
  run: Run,
  update: string,
  { request: requestWithin, limitMs, signal }: RunQuestion,
): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (let failures = 1; ; failures += 1) {
    const seconds = Math.max(0.1, (SHARE_OF_RUN * (deadline - Date.now())) / 1_000);
    const request = requestWithin(seconds);
    const startWorkflowOperation = new WithStartWorkflowOperation(run.type, {
      ...startOptions(run),
      workflowIdConflictPolicy: 'USE_EXISTING',
    });
    try {
      // Of its own: the client leaves its listener behind.
      return await client.withAbortSignal(AbortSignal.any([signal]), () =>
        client.withDeadline(deadline, () =>
          client.workflow.executeUpdateWithStart(update, { args: [request], startWorkflowOperation }),
        ),
      );
    } catch (error) {
      if (signal.aborted || Date.now() + ROUND_TRIP_MS > deadline || !endedMeanwhile(error))
        throw temporalUnavailable(`update ${update} of ${run.workflowId}`, error);
    }
    // An abort is told by the next try, which fails at once.
    await sleep(backOffDelay(PAUSE, failures, Math.random), undefined, { signal }).catch(() => undefined);
  }
}

const CLOSING: readonly unknown[] = [grpcStatus.RESOURCE_EXHAUSTED, grpcStatus.NOT_FOUND, grpcStatus.ABORTED];

/** Whether the run ended before it answered, so that the next one may. */
function endedMeanwhile(error: unknown): boolean {
  if (error instanceof WorkflowUpdateFailedError) return true;
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (CLOSING.includes((cause as { code?: unknown }).code)) return true;
  return false;
}
