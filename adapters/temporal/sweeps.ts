/** A node's sweeps in Temporal: their schedule, and runs that a person starts. */
import { defineSearchAttributeKey, SearchAttributeType, type SearchAttributePair } from '@temporalio/common';
import { ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import { CONTROL_QUEUE, podWorkflowId, SEARCH_NODE } from '../../domain/messages.ts';
import type { PodIdentity } from '../../domain/pod-view.ts';
import {
  manualSweepId,
  NODE_SWEEP,
  sweepId,
  type NodeSweepInput,
  type SweepReport,
} from '../../domain/sweep/messages.ts';
import { bounded } from './connection.ts';

const DEADLINE_MS = 5_000;
/** The server's least. What was missed for longer is not made up for: the next look sees the same. */
const CATCH_UP = '10s' as const;
/** Longest pause between the two looks of a sweep. */
const MAX_PAUSE_SECONDS = 5;
const RUN_LIMIT = '15m' as const;

const nodeAttribute = defineSearchAttributeKey(SEARCH_NODE, SearchAttributeType.KEYWORD);

/** Between the two looks of a sweep that runs this often. */
const pauseSecondsFor = (intervalMs: number): number =>
  Math.max(1, Math.min(MAX_PAUSE_SECONDS, Math.floor(intervalMs / 2_000)));

/**
 * Makes the node's schedule as wished, new or not, and starts a sweep at once.
 * @param intervalMs 0: no schedule
 * @throws PodwireError `TemporalUnavailable`
 */
export async function ensureSweepSchedule(client: Client, node: string, intervalMs: number): Promise<void> {
  if (intervalMs === 0) return removeSweepSchedule(client, node);
  const options = scheduleOf(node, intervalMs);
  await bounded(client, `make the schedule ${sweepId(node)}`, DEADLINE_MS, async () => {
    try {
      await client.schedule.create({ scheduleId: sweepId(node), ...options });
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      // A person's pause stays.
      await client.schedule.getHandle(sweepId(node)).update(({ state }) => ({ ...options, state }));
    }
    await client.schedule.getHandle(sweepId(node)).trigger(ScheduleOverlapPolicy.SKIP);
  });
}

/** One that is not there is fine. @throws PodwireError `TemporalUnavailable` */
export async function removeSweepSchedule(client: Client, node: string): Promise<void> {
  await bounded(client, `remove the schedule ${sweepId(node)}`, DEADLINE_MS, async () => {
    try {
      await client.schedule.getHandle(sweepId(node)).delete();
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
    }
  });
}

/** Whether a run of the pod is open. @throws PodwireError `TemporalUnavailable` */
export const podRunIsOpen = (client: Client, pod: PodIdentity): Promise<boolean> =>
  runIsOpen(client, podWorkflowId(pod));

/** Whether a run of that id is open. @throws PodwireError `TemporalUnavailable` */
export function runIsOpen(client: Client, workflowId: string): Promise<boolean> {
  return bounded(client, `look at ${workflowId}`, DEADLINE_MS, async () => {
    try {
      return (await client.workflow.getHandle(workflowId).describe()).status.name === 'RUNNING';
    } catch (error) {
      if (error instanceof Error && error.name === 'WorkflowNotFoundError') return false;
      throw error;
    }
  });
}

/**
 * Runs a sweep now, or joins one that does the same, and waits for its report.
 * @throws PodwireError `TemporalUnavailable`, also when no orchestrator takes the run within the limit
 */
export async function sweepNow(client: Client, input: NodeSweepInput, limitMs: number): Promise<SweepReport> {
  return bounded(client, `sweep node ${input.node} (is an orchestrator running?)`, limitMs, async () => {
    const handle = await client.workflow.start(NODE_SWEEP, {
      ...runOf(input, manualSweepId(input)),
      workflowIdConflictPolicy: 'USE_EXISTING',
    });
    return (await handle.result()) as SweepReport;
  });
}

function scheduleOf(node: string, intervalMs: number) {
  const input: NodeSweepInput = { node, pauseSeconds: pauseSecondsFor(intervalMs) };
  return {
    // Nodes do not all begin in the same second.
    spec: { intervals: [{ every: intervalMs, offset: offsetOf(node, intervalMs) }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCH_UP },
    action: { type: 'startWorkflow' as const, workflowType: NODE_SWEEP, ...runOf(input, sweepId(node)) },
  };
}

function runOf(input: NodeSweepInput, workflowId: string) {
  const typedSearchAttributes: SearchAttributePair[] = [{ key: nodeAttribute, value: input.node }];
  return {
    workflowId,
    taskQueue: CONTROL_QUEUE,
    args: [input],
    typedSearchAttributes,
    staticSummary: `sweep of ${input.node}${input.dryRun === true ? ', dry run' : ''}`.slice(0, 400),
    workflowRunTimeout: RUN_LIMIT,
  };
}

function offsetOf(node: string, intervalMs: number): number {
  let sum = 0;
  for (const char of node) sum = (sum * 31 + char.charCodeAt(0)) % 9_973;
  return sum % Math.max(1, Math.floor(intervalMs));
}
