/** The Temporal worker of the control queue: workflows, their local activities, and how many of them run at once. */
import { Worker, type WorkerOptions } from '@temporalio/worker';
import { CONTROL_QUEUE } from '../../domain/messages.ts';
import type { Tracing } from '../../adapters/tracing/tracing.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import type { WorkerConnection } from '../native-connection.ts';
import { aroundSteps, traceSinks } from '../step-traces.ts';
import type { Versioning } from '../versioning.ts';
import type { WorkflowSlots } from '../workflow-slots.ts';

const CACHED_WORKFLOWS = 500;

export interface OrchestratorWorkerParts {
  readonly connection: WorkerConnection;
  readonly namespace: string;
  /** The workflows, and how they are run. */
  readonly code: Partial<WorkerOptions>;
  readonly slots: WorkflowSlots;
  readonly versioning: Versioning;
  readonly activities: object;
  readonly tracing: Tracing;
  readonly log: Logger;
}

export function createOrchestratorWorker({
  connection,
  namespace,
  code,
  slots,
  versioning,
  activities,
  tracing,
  log,
}: OrchestratorWorkerParts): Promise<Worker> {
  return Worker.create({
    connection: connection.native,
    namespace,
    taskQueue: CONTROL_QUEUE,
    ...code,
    ...versioning.workerOptions,
    activities,
    interceptors: aroundSteps(tracing, log),
    sinks: traceSinks(tracing),
    maxCachedWorkflows: CACHED_WORKFLOWS,
    ...slots,
    // Almost all of them are local activities; what is scheduled on this queue are a few resyncs.
    activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 1 },
    shutdownGraceTime: '5s',
    shutdownForceTime: '15s',
  });
}
