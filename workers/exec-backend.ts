/** The exec backend: a second worker inside the orchestrator, which does in agent containers what node workers do on their hosts. */
import { Worker, type NativeConnection } from '@temporalio/worker';
import { createAgentNetnsResolver } from '../activities/exec/agent-netns.ts';
import { AgentEntries } from '../activities/exec/agent-entries.ts';
import { createExecSteps } from '../activities/exec/index.ts';
import { createInspectBatch } from '../activities/network/inspect/inspect-pods.ts';
import { createNodeActivities, type NodeSteps } from '../activities/network/index.ts';
import { withHeartbeat } from '../activities/network/with-heartbeat.ts';
import type { Etcd } from '../adapters/etcd/client.ts';
import { createNodeStore, listExecAttachments } from '../adapters/etcd/node-store.ts';
import { temporaryName } from '../adapters/host/temporary-name.ts';
import { createExecKernel } from '../adapters/iproute/exec-kernel.ts';
import { createPodExec } from '../adapters/kubernetes/pod-exec.ts';
import type { Tracing } from '../adapters/tracing/tracing.ts';
import type { Logger } from '../adapters/log/logger.ts';
import { EXEC_QUEUE } from '../domain/target.ts';
import type { Cluster } from '../domain/ports/cluster.ts';
import type { Failpoints } from '../domain/ports/failpoints.ts';
import { everyInterval } from './loops.ts';
import { aroundSteps } from './step-traces.ts';

/** One pod holds at most a few of them, whatever happens to it. */
const SLOTS = 64;
/** Looks for people come after pods' own operations. */
const LOOKS_AT_ONCE = 8;
const CATCH_UP_MS = 5_000;
/** What no event tells: entries that somebody else removed, and what was left behind by an orchestrator that died. */
const RESYNC_MS = 600_000;

export interface ExecBackendOptions {
  readonly kubeconfig: string | undefined;
  readonly commandMs: number;
  readonly cluster: Cluster;
  readonly etcd: Etcd;
  readonly failpoints: Failpoints;
  readonly connection: NativeConnection;
  readonly temporalNamespace: string;
  readonly tracing: Tracing;
  readonly log: Logger;
  readonly metrics: { readonly timedExec: (steps: NodeSteps) => NodeSteps };
}

export interface ExecBackend {
  readonly worker: Worker;
  /** Serves until the worker is shut down. */
  run(): Promise<void>;
}

export async function createExecBackend(options: ExecBackendOptions): Promise<ExecBackend> {
  const { cluster, failpoints, log, tracing } = options;
  const store = createNodeStore(options.etcd);
  const kernel = createExecKernel(createPodExec(options.kubeconfig), options.commandMs);
  const entries = new AgentEntries({
    store,
    kernel,
    netnsResolver: createAgentNetnsResolver({ cluster, kernel }),
    onBehind: ({ podUid, interfaceName }, err) =>
      log.warn({ podUid, interfaceName, err }, 'forwarding entries are behind; tried again until they are not'),
  });
  const steps = options.metrics.timedExec(
    createExecSteps({ cluster, store, kernel, entries, failpoints, temporaryName }),
  );
  const worker = await Worker.create({
    connection: options.connection,
    namespace: options.temporalNamespace,
    taskQueue: EXEC_QUEUE,
    activities: {
      ...createNodeActivities(steps),
      lookIntoPods: withHeartbeat(createInspectBatch(steps.lookIntoPod, LOOKS_AT_ONCE)),
    },
    interceptors: aroundSteps(tracing, log),
    activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 2 },
    maxConcurrentActivityTaskExecutions: SLOTS,
    maxHeartbeatThrottleInterval: '500ms',
    defaultHeartbeatThrottleInterval: '500ms',
    shutdownGraceTime: '3s',
    shutdownForceTime: '10s',
  });
  const stopping = new AbortController();
  const { signal } = stopping;
  return {
    worker,
    async run() {
      const loops = [
        everyInterval('exec catch-up', CATCH_UP_MS, log, signal, () => entries.catchUp(signal)),
        everyInterval('exec resync', RESYNC_MS, log, signal, async () =>
          entries.syncAll(await listExecAttachments(options.etcd), signal),
        ),
      ];
      try {
        await worker.run();
      } finally {
        stopping.abort();
        await Promise.all(loops);
      }
    },
  };
}
