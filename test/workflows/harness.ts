/**
 * The real workflows on a real Temporal dev server, one per test file. The orchestrator's activities are the real ones too, over an
 * etcd, a cluster and nodes that are fakes: they have to fail, hang, vanish and return on cue, for one pod and not for the others,
 * which real parts cannot be made to do. The real parts are tested in test/etcd, test/kernel and test/lab.
 */
import { DefaultLogger, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import type { Client } from '@temporalio/client';
import { createControlActivities } from '../../activities/control/index.ts';
import { combineSteps } from '../../activities/control/combined-steps.ts';
import { createReflectActivities } from '../../activities/reflect/index.ts';
import { createNodeActivities } from '../../activities/network/index.ts';
import { createNodeStore } from '../../adapters/etcd/node-store.ts';
import { createRecordStore } from '../../adapters/etcd/record-store.ts';
import { inputsHash } from '../../adapters/hash/inputs-hash.ts';
import { md5 } from '../../adapters/hash/md5.ts';
import { ipCodec } from '../../adapters/ip/ip-codec.ts';
import { createLogger } from '../../adapters/log/logger.ts';
import { connectClient, type TemporalClient } from '../../adapters/temporal/connection.ts';
import { createSignals } from '../../adapters/temporal/signals.ts';
import { CONTROL_QUEUE, nodeQueue } from '../../domain/messages.ts';
import type { Observation } from '../../domain/plan/observation.ts';
import type { NetworkRef } from '../../domain/network-selection.ts';
import type { NodeStore } from '../../domain/ports/node-store.ts';
import type { RecordStore } from '../../domain/ports/record-store.ts';
import { DEFAULT_DIALECT_SETTINGS, type DialectSettings } from '../../domain/settings.ts';
import { fakeReflectDeps, FakeReflectCluster, MemoryReflectStore } from '../fakes/reflect-parts.ts';
import { connectWorker, type WorkerConnection } from '../../workers/native-connection.ts';
import { workflowCode } from '../../workers/workflow-code.ts';
import { ControlFaults } from './control-faults.ts';
import { makeWhole } from '../etcd/whole-store.ts';
import { startDevServer } from './dev-server.ts';
import { createNetworkObjectActivities, tellingObjects } from '../../activities/control/network-objects.ts';
import { createNetworkHolds } from '../../adapters/etcd/network-holds.ts';
import { createObjectTeller } from '../../adapters/temporal/object-starter.ts';
import { FakeNetworkObjects } from './fake-network-objects.ts';
import { FakeCluster } from './fake-cluster.ts';
import { MemoryEtcd } from './memory-etcd.ts';
import { ScriptedNodes } from './scripted-nodes.ts';
import { TestPod } from './test-pod.ts';

export interface Harness {
  readonly client: Client;
  readonly cluster: FakeCluster;
  readonly etcd: MemoryEtcd;
  readonly records: RecordStore;
  /** As a node's worker has it. */
  readonly store: NodeStore;
  readonly nodes: ScriptedNodes;
  readonly faults: ControlFaults;
  /** Network objects, which pods of the cluster may name too. */
  readonly objects: FakeNetworkObjects;
  /** What the reflection reads and writes. */
  readonly reflection: { readonly cluster: FakeReflectCluster; readonly store: MemoryReflectStore };
  /** `scope/name` of networks whose mesh run was told of a change, in order. */
  readonly meshSignals: string[];
  /** A running pod with that annotation on a node. @param namespace one that it shares with others; absent: one of its own */
  pod(annotation: string, node?: string, namespace?: string): Promise<TestPod>;
  /** What a run would observe of a pod now. */
  observe(pod: TestPod): Promise<Observation>;
  /** A VNI that no other pod of this file has. */
  vni(): number;
  /** Starts a node's worker; what is returned stops it. @param more activities of its queue */
  startNode(node: string, more?: object): Promise<() => Promise<void>>;
  /** Starts another team's worker; what is returned stops it. */
  startTeam(taskQueue: string, activities: object, more?: Partial<WorkerOptions>): Promise<() => Promise<void>>;
  /** Starts another orchestrator's worker, with workflows as these options say; what is returned stops it. */
  startOrchestrator(workflows: Partial<WorkerOptions>): Promise<() => Promise<void>>;
  /** Ends everything. @throws Error when a workflow task failed in any run, for that is a workflow that never goes on */
  stop(): Promise<void>;
}

/** Time between two looks at a Node object, in seconds: minutes in production, which a test does not have. */
const NODE_GONE_SECONDS = 1;
/** Many tests at once share the machine; what a late first step does is not what they are about. A local activity has 2 s. */
const BEGINS_WITHIN_MS = 1_900;

/** How a client and the workers get to the server. */
export interface Reach {
  readonly temporal: TemporalClient;
  readonly connection: WorkerConnection;
}

export async function directly(address: string): Promise<Reach> {
  const options = { address, namespace: 'default' };
  const log = createLogger('test', 'error');
  return {
    temporal: connectClient(options),
    connection: await connectWorker(options, log, new AbortController().signal),
  };
}

/**
 * @param orchestrator `none`: tests start those they want
 * @param fullHistory events at which the server suggests to continue as new, when its own 4,096 are too many for a test
 * @param reach gets the server's address
 */
export async function startHarness(
  fullHistory?: number,
  reach: (address: string) => Promise<Reach> = directly,
  orchestrator: 'present' | 'none' = 'present',
  settings: DialectSettings = DEFAULT_DIALECT_SETTINGS,
): Promise<Harness> {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { forward: {}, filter: { core: 'ERROR', other: 'ERROR' } } },
  });
  const server = await startDevServer(
    fullHistory === undefined ? [] : [`limit.historyCount.suggestContinueAsNew=${fullHistory}`],
  );
  const { temporal, connection } = await reach(server.address);
  const etcd = new MemoryEtcd();
  await makeWhole(etcd);
  const records = createRecordStore(etcd);
  const store = createNodeStore(etcd);
  const cluster = new FakeCluster();
  const nodes = new ScriptedNodes(records, store);
  const faults = new ControlFaults();
  const meshSignals: string[] = [];
  const reflection = { cluster: new FakeReflectCluster(), store: new MemoryReflectStore() };
  const running: { worker: Worker; ended: Promise<void> }[] = [];

  const startWorker = async (options: WorkerOptions): Promise<() => Promise<void>> => {
    const worker = await Worker.create({
      connection: connection.native,
      shutdownGraceTime: 0,
      shutdownForceTime: '3s',
      ...options,
    });
    const ended = worker.run();
    running.push({ worker, ended });
    return async () => {
      worker.shutdown();
      await ended;
    };
  };
  const startTeam: Harness['startTeam'] = (taskQueue, activities, more = {}) =>
    startWorker({ taskQueue, activities, ...more });
  const startNode = (node: string, more: object = {}): Promise<() => Promise<void>> =>
    startWorker({
      taskQueue: nodeQueue(node),
      activities: { ...createNodeActivities(nodes.steps(node)), ...more },
      activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 2 },
      maxHeartbeatThrottleInterval: '500ms',
      defaultHeartbeatThrottleInterval: '500ms',
    });
  const objects = new FakeNetworkObjects(cluster);
  const holds = createNetworkHolds(etcd, { range: { first: 70_000, last: 70_999 }, random: Math.random });
  const signals = {
    membersChanged: async ({ scope, name }: NetworkRef) => void meshSignals.push(`${scope}/${name}`),
    podChanged: createSignals(temporal.client).podChanged,
  };
  const control = createControlActivities({
    ...{ cluster, records, signals, ip: ipCodec, settings, hash: inputsHash, md5 },
    nodeGoneSeconds: NODE_GONE_SECONDS,
  });
  const steps = faults.around(tellingObjects(control, { holds, tell: createObjectTeller(temporal.client) }));
  const objectSteps = faults.around(
    createNetworkObjectActivities({ cluster, records, signals, objects, holds, ip: ipCodec, settings }),
  );
  const reflecting = createReflectActivities(fakeReflectDeps(reflection.cluster, reflection.store));
  const startOrchestrator = (workflows: Partial<WorkerOptions>): Promise<() => Promise<void>> =>
    startWorker({
      taskQueue: CONTROL_QUEUE,
      activities: {
        ...steps,
        ...objectSteps,
        ...faults.garbling(combineSteps(steps, BEGINS_WITHIN_MS)),
        ...reflecting,
      },
      ...workflows,
    });
  if (orchestrator === 'present') await startOrchestrator(workflowCode());
  await startNode('n1');
  connection.keepFresh(running.map(({ worker }) => worker));

  const world = { client: temporal.client, cluster, records, store, nodes };
  let pods = 0;
  let vnis = 100;
  return {
    ...{ ...world, etcd, faults, meshSignals, objects, reflection, startNode, startTeam, startOrchestrator },
    observe: ({ uid, namespace, name }) => control.observePod({ uid, namespace, name }),
    vni: () => (vnis += 1),
    pod: async (annotation, node = 'n1', namespace?) => {
      const pod = new TestPod(world, `p${(pods += 1)}`, namespace);
      await pod.create(annotation, node);
      return pod;
    },
    stop: async () => {
      const failures = await failedTasks(temporal.client);
      for (const { worker } of running) if (worker.getState() === 'RUNNING') worker.shutdown();
      try {
        await Promise.all(running.map(({ ended }) => ended));
        await Promise.all([connection.close(), temporal.close()]);
      } finally {
        // A worker that still has work when a test fails keeps its connection; the server must not stay behind.
        await server.stop();
      }
      if (failures.length > 0) throw new Error(`workflow tasks failed:\n${failures.join('\n')}`);
    },
  };
}

/**
 * Causes (temporal.api.enums.v1.WorkflowTaskFailedCause) that are no fault: a signal came in while the run was closing, more than
 * a hundred did during one task, or the run began anew here (the server's note of that, no task of a worker).
 */
const HARMLESS: readonly unknown[] = [1, 17, 20];

/** Failed workflow tasks of all runs. */
async function failedTasks(client: Client): Promise<string[]> {
  const failures: string[] = [];
  for await (const { workflowId, runId } of client.workflow.list()) {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    for (const event of events ?? []) {
      const failed = event.workflowTaskFailedEventAttributes;
      if (failed === null || failed === undefined || HARMLESS.includes(failed.cause)) continue;
      failures.push(
        `${workflowId}, event ${String(event.eventId)}, cause ${String(failed.cause)}: ${failed.failure?.message ?? ''}`,
      );
    }
  }
  return failures;
}
