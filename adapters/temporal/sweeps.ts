/** A node's sweeps in Temporal: runs that the node's worker starts when it found something, and those that a person starts. */
import { defineSearchAttributeKey, SearchAttributeType, type SearchAttributePair } from '@temporalio/common';
import type { Client } from '@temporalio/client';
import { CONTROL_QUEUE, podWorkflowId, SEARCH_NODE } from '../../domain/messages.ts';
import type { PodIdentity } from '../../domain/pod/pod-view.ts';
import {
  manualSweepId,
  NODE_SWEEP,
  sweepId,
  type NodeSweepInput,
  type SweepReport,
} from '../../domain/sweep/messages.ts';
import { bounded } from './connection.ts';

const DEADLINE_MS = 5_000;
/** Longest pause between the two looks of a sweep. */
const MAX_PAUSE_SECONDS = 5;
const RUN_LIMIT = '15m' as const;

const nodeAttribute = defineSearchAttributeKey(SEARCH_NODE, SearchAttributeType.KEYWORD);

/** Seconds between the two looks of a sweep, of a node that is looked at this often. */
export const pauseSecondsFor = (intervalMs: number): number =>
  Math.max(1, Math.min(MAX_PAUSE_SECONDS, Math.floor(intervalMs / 2_000)));

/**
 * Starts a sweep of a node that has found something by itself, unless one is under way.
 * @param workflowId of what is not about the whole node
 * @throws PodwireError `TemporalUnavailable`
 */
export async function startSweep(
  client: Client,
  input: NodeSweepInput,
  workflowId = sweepId(input.node),
): Promise<void> {
  await bounded(client, `start the sweep of ${input.node}`, DEADLINE_MS, () =>
    client.workflow.start(NODE_SWEEP, {
      ...runOf(input, workflowId),
      workflowIdConflictPolicy: 'USE_EXISTING',
    }),
  );
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
