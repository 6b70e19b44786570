/** The Temporal worker of the control queue: workflows, their local activities, and how many of them run at once. */
import { Worker } from '@temporalio/worker';
import { CONTROL_QUEUE } from '../domain/messages.ts';
import { LinkFirstSlots } from './link-first-slots.ts';
import type { WorkerConnection } from './native-connection.ts';
import type { Versioning } from './versioning.ts';
import type { WorkflowBuild } from './workflow-code.ts';

const CACHED_WORKFLOWS = 500;
/**
 * A workflow task holds its slot while its local activities run, and those have 2 s: with the SDK's forty at once a burst of forty pods
 * starved them all of CPU until each timed out.
 */
const WORKFLOW_TASKS = { total: 20, later: 1, laterInTheEnd: 4, patienceMs: 2_000, afterglowMs: 500 };
/** Half of the polls each for runs that begin and for their later tasks; who gets a slot first is `LinkFirstSlots`' business. */
const SHARE_OF_NEW_RUNS = 0.5;
const LOCAL_ACTIVITIES_AT_ONCE = 100;
/** The only regular activities here: one for each reflected kind. */
const RESYNCS_AT_ONCE = 8;

export interface OrchestratorWorkerParts {
  readonly connection: WorkerConnection;
  readonly namespace: string;
  readonly code: WorkflowBuild['code'];
  readonly versioning: Versioning;
  readonly activities: object;
}

export function createOrchestratorWorker({
  connection,
  namespace,
  code,
  versioning,
  activities,
}: OrchestratorWorkerParts): Promise<Worker> {
  return Worker.create({
    connection: connection.native,
    namespace,
    taskQueue: CONTROL_QUEUE,
    ...code,
    ...versioning.workerOptions,
    activities,
    maxCachedWorkflows: CACHED_WORKFLOWS,
    tuner: {
      workflowTaskSlotSupplier: new LinkFirstSlots(WORKFLOW_TASKS),
      localActivityTaskSlotSupplier: { type: 'fixed-size', numSlots: LOCAL_ACTIVITIES_AT_ONCE },
      activityTaskSlotSupplier: { type: 'fixed-size', numSlots: RESYNCS_AT_ONCE },
      nexusTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
    },
    nonStickyToStickyPollRatio: SHARE_OF_NEW_RUNS,
    // How long the tasks of a killed worker wait for it before another one gets them. In a burst, later tasks wait there for their slots.
    stickyQueueScheduleToStartTimeout: '4s',
    // Almost all of them are local activities; what is scheduled on this queue are a few resyncs.
    activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 1 },
    shutdownGraceTime: '5s',
    shutdownForceTime: '15s',
  });
}
