/** Open runs of pods as Temporal's visibility lists them (up to two seconds behind), and the two things people do with one. */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { z } from 'zod';
import { temporalUnavailable } from '../adapters/temporal/connection.ts';
import {
  POD_NETWORK,
  podOfWorkflow,
  RETRY_NOW,
  SEARCH_NAMESPACE,
  SEARCH_NETWORKS,
  SEARCH_NODE,
  SEARCH_STATE,
  VIEW_QUERY,
  type ReconcileRequest,
  type ProvisioningState,
} from '../domain/messages.ts';
import type { Try } from '../domain/explain/explanation.ts';
import type { PodIdentity } from '../domain/pod/pod-view.ts';

export interface PodRun {
  readonly workflowId: string;
  readonly runId: string;
  readonly pod: PodIdentity;
  /** Texts of the search attributes; empty while the run has not set them. */
  readonly state: string;
  readonly node: string;
  readonly networks: readonly string[];
  readonly since: Date;
}

export interface RunFilter {
  readonly namespace?: string | undefined;
  /** Only with a namespace. */
  readonly name?: string | undefined;
  readonly state?: ProvisioningState | undefined;
}

const LIST_DEADLINE_MS = 30_000;
const CALL_DEADLINE_MS = 5_000;

/** What `podwire retry` says to a run. */
export const RETRY_REQUEST: ReconcileRequest = { reason: 'podwire retry' };

const stateKey = defineSearchAttributeKey(SEARCH_STATE, SearchAttributeType.KEYWORD);
const nodeKey = defineSearchAttributeKey(SEARCH_NODE, SearchAttributeType.KEYWORD);
const networksKey = defineSearchAttributeKey(SEARCH_NETWORKS, SearchAttributeType.KEYWORD_LIST);

/** The visibility query for open runs; names must have been checked: nothing is escaped. */
export function openRunsQuery({ namespace, name, state }: RunFilter): string {
  return [
    `WorkflowType="${POD_NETWORK}"`,
    'ExecutionStatus="Running"',
    ...(namespace === undefined || name !== undefined ? [] : [`${SEARCH_NAMESPACE}="${namespace}"`]),
    ...(namespace === undefined || name === undefined ? [] : [`WorkflowId STARTS_WITH "pod/${namespace}/${name}/"`]),
    ...(state === undefined ? [] : [`${SEARCH_STATE}="${state}"`]),
  ].join(' AND ');
}

/** @throws PodwireError `TemporalUnavailable` */
export async function findOpenRuns(client: Client, filter: RunFilter): Promise<PodRun[]> {
  const query = openRunsQuery(filter);
  const runs: PodRun[] = [];
  try {
    await client.withDeadline(Date.now() + LIST_DEADLINE_MS, async () => {
      for await (const { workflowId, runId, startTime, typedSearchAttributes } of client.workflow.list({ query })) {
        runs.push({
          workflowId,
          runId,
          pod: podOfWorkflow(workflowId) ?? { namespace: '', name: '', uid: '' },
          state: typedSearchAttributes.get(stateKey) ?? '',
          node: typedSearchAttributes.get(nodeKey) ?? '',
          networks: typedSearchAttributes.get(networksKey) ?? [],
          since: startTime,
        });
      }
    });
  } catch (cause) {
    throw temporalUnavailable(`list open runs (${query})`, cause);
  }
  return runs;
}

/**
 * Asks a run for another attempt now.
 * @param run without a run id: whichever is open
 * @returns false when it has ended, or none is open
 * @throws PodwireError `TemporalUnavailable`
 */
export async function signalRetryNow(
  client: Client,
  { workflowId, runId }: { readonly workflowId: string; readonly runId?: string },
): Promise<boolean> {
  try {
    await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
      client.workflow.getHandle(workflowId, runId).signal(RETRY_NOW, RETRY_REQUEST),
    );
    return true;
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'WorkflowNotFoundError') return false;
    throw temporalUnavailable(`signal ${RETRY_NOW} to ${workflowId}`, cause);
  }
}

/** What a run answers; tolerant, since an orchestrator of another version may have answered. */
const viewSchema = z.object({
  state: z.string(),
  node: z.string(),
  note: z.string(),
  lanes: z.array(
    z.object({
      interfaceName: z.string(),
      network: z.string(),
      step: z.string(),
      note: z.string(),
      state: z.string().optional(),
    }),
  ),
});

export type RunView = z.output<typeof viewSchema>;

/**
 * What a run is doing right now.
 * @throws PodwireError `TemporalUnavailable`, also when no orchestrator answers the query
 */
export async function queryView(client: Client, { workflowId, runId }: PodRun): Promise<RunView> {
  try {
    const answer = await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
      client.workflow.getHandle(workflowId, runId).query<unknown>(VIEW_QUERY),
    );
    return viewSchema.parse(answer);
  } catch (cause) {
    throw temporalUnavailable(`ask run ${workflowId} what it does (is an orchestrator running?)`, cause);
  }
}

/**
 * Steps of a run that wait for a node, by the interface that they are about.
 * @param now milliseconds since the epoch
 * @throws PodwireError `TemporalUnavailable`
 */
export async function pendingTries(
  client: Client,
  { workflowId, runId }: PodRun,
  now: number,
): Promise<ReadonlyMap<string, Try>> {
  try {
    const { raw } = await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
      client.workflow.getHandle(workflowId, runId).describe(),
    );
    return new Map(
      (raw.pendingActivities ?? []).map((pending) => [interfaceOf(pending.activityId), tryOf(pending, now)]),
    );
  } catch (cause) {
    throw temporalUnavailable(`describe run ${workflowId}`, cause);
  }
}

type Pending = NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number];

/** The id of a node step is its verb and the interface: `ensure-link-red`, `cni-add-net1` (workflows/pod-network/link-steps.ts). */
const interfaceOf = (activityId: string | null | undefined): string =>
  (activityId ?? '').replace(/^[a-z]+-[a-z]+-/, '');

function tryOf({ attempt, lastFailure, scheduledTime }: Pending, now: number): Try {
  const seconds = scheduledTime?.seconds;
  const nextInMs = seconds === undefined || seconds === null ? undefined : Number(seconds) * 1_000 - now;
  return {
    attempt: attempt ?? 1,
    ...(lastFailure?.message ? { error: lastFailure.message } : {}),
    ...(nextInMs !== undefined && nextInMs > 0 ? { nextInMs } : {}),
  };
}
