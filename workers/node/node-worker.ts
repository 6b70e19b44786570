/** The Temporal worker of a node: its queue, its activities, and how many of them run at once. */
import { Worker } from '@temporalio/worker';
import type { CniDeps } from '../../activities/network/deps.ts';
import { createInspectBatch } from '../../activities/network/inspect/inspect-pods.ts';
import { createNodeActivities, createNodeSteps } from '../../activities/network/index.ts';
import { sweepActivities, type SweepSteps } from '../../activities/network/sweep/sweep-activities.ts';
import { sandboxActivities, type SandboxSteps } from '../../activities/primary/sandbox-steps.ts';
import type { Tracing } from '../../adapters/tracing/tracing.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import { withHeartbeat } from '../../activities/network/with-heartbeat.ts';
import type { NodeConfig } from '../../config/node.ts';
import { NODE_POLLERS, nodeQueue } from '../../domain/messages.ts';
import type { WorkerConnection } from '../native-connection.ts';
import { aroundSteps } from '../step-traces.ts';
import { GRACE_MS } from './node-connections.ts';
import type { NodeMetrics } from './node-metrics.ts';

const SLOTS = 16;
/** Looks for people come after pods' own operations. */
const LOOKS_AT_ONCE = 4;

interface MoreParts {
  readonly sweep: SweepSteps;
  /** undefined: the network of this node's pods is not podwire's. */
  readonly sandbox: SandboxSteps | undefined;
  readonly tracing: Tracing;
  readonly log: Logger;
}

export function createNodeWorker(
  config: NodeConfig,
  connection: WorkerConnection,
  deps: CniDeps,
  metrics: NodeMetrics,
  { sweep, sandbox, tracing, log }: MoreParts,
): Promise<Worker> {
  const steps = metrics.timed(createNodeSteps(deps));
  return Worker.create({
    connection: connection.native,
    namespace: config.temporal.namespace,
    taskQueue: nodeQueue(config.node),
    activities: {
      ...createNodeActivities(steps),
      ...sweepActivities(sweep),
      ...(sandbox === undefined ? {} : sandboxActivities(sandbox)),
      lookIntoPods: withHeartbeat(createInspectBatch(steps.lookIntoPod, LOOKS_AT_ONCE)),
    },
    interceptors: aroundSteps(tracing, log),
    activityTaskPollerBehavior: { type: 'simple-maximum', maximum: NODE_POLLERS },
    maxConcurrentActivityTaskExecutions: SLOTS,
    // Heartbeats are how a cancellation gets here; the default throttles them to most of the time-out.
    maxHeartbeatThrottleInterval: '500ms',
    defaultHeartbeatThrottleInterval: '500ms',
    shutdownGraceTime: GRACE_MS,
    shutdownForceTime: '10s',
  });
}
