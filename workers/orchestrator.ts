/**
 * The orchestrator worker: workflows, and the activities that need the Kubernetes API or etcd but no host.
 * Exit codes: 0 after SIGTERM or SIGINT, 1 after a fault of its own, 2 when the configuration is refused.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Worker } from '@temporalio/worker';
import { Registry } from 'prom-client';
import { createControlActivities } from '../activities/control/index.ts';
import { createLookAtPod } from '../activities/control/observe-pod.ts';
import { joinSteps } from '../activities/control/joined-steps.ts';
import { createSweepControlActivities } from '../activities/control/sweep.ts';
import { withFailpoints } from '../activities/with-failpoints.ts';
import { createEtcd } from '../adapters/etcd/client.ts';
import { openEtcd } from '../adapters/etcd/open.ts';
import { createRecordStore } from '../adapters/etcd/record-store.ts';
import { createRoster } from '../adapters/etcd/roster.ts';
import { inputsHash } from '../adapters/hash/inputs-hash.ts';
import { md5 } from '../adapters/hash/md5.ts';
import { loadFailpoints } from '../adapters/host/failpoints.ts';
import { startHealthServer } from '../adapters/http/health-server.ts';
import { ipCodec } from '../adapters/ip/ip-codec.ts';
import { createKubeClient } from '../adapters/kubernetes/client.ts';
import { createCluster } from '../adapters/kubernetes/cluster.ts';
import { ownPod } from '../adapters/kubernetes/own-pod.ts';
import { podKeys } from '../adapters/kubernetes/pod-view.ts';
import { createLogger } from '../adapters/log/logger.ts';
import { connectClient } from '../adapters/temporal/connection.ts';
import { createSignals } from '../adapters/temporal/signals.ts';
import { podRunIsOpen } from '../adapters/temporal/sweeps.ts';
import { createWorkflowBuilds } from '../adapters/temporal/workflow-builds.ts';
import { exposeExpiry } from '../adapters/tls/expiry-metric.ts';
import { RotatingCredentials } from '../adapters/tls/rotation.ts';
import { ConfigError } from '../config/cli-flags.ts';
import { loadSettingsFile } from '../config/load-settings-file.ts';
import { orchestratorHelp, readOrchestratorConfig, type OrchestratorConfig } from '../config/orchestrator.ts';
import { CONTROL_QUEUE } from '../domain/messages.ts';
import type { PodIdentity } from '../domain/pod-view.ts';
import { ORCHESTRATOR_DEPLOYMENT } from '../domain/workflow-builds.ts';
import { definitionKinds, orchestratorRights } from '../domain/start-checks/rights.ts';
import { etcdSource, kubernetesSource, temporalSource } from './check-sources.ts';
import { createExecBackend } from './exec-backend.ts';
import { LastingEvents } from './lasting-events.ts';
import { loggedActivities } from './logged-activities.ts';
import { createReflectionWorker } from './reflection.ts';
import { StartChecks } from './start-checks.ts';
import { StartUp, workerReasons } from './start-up.ts';
import { installRuntime } from './runtime.ts';
import { tuneSdk } from './sdk-tuning.ts';
import { Versioning } from './versioning.ts';
import { workflowBuild } from './workflow-code.ts';
import { workflowSlots } from './workflow-slots.ts';

/** One call to the API must give up before a local activity's 2 s allow a second try. */
const API_DEADLINE_MS = 900;
const CACHED_WORKFLOWS = 500;

async function run(config: OrchestratorConfig): Promise<void> {
  const log = createLogger('orchestrator', config.logLevel);
  installRuntime(log);
  const credentials = new RotatingCredentials(log);
  const etcd = createEtcd(config.etcd, credentials);
  const kube = createKubeClient({ kubeconfig: config.kubeconfig, deadlineMs: API_DEADLINE_MS });
  const temporal = connectClient(config.temporal, credentials);
  const keys = podKeys(config.dialect);
  const cluster = createCluster(kube, keys, config.eventReasons);
  const records = createRecordStore(etcd);
  const signals = createSignals(temporal.client);
  const failpoints = await loadFailpoints(config.failpointsFile);
  const { nodeGoneSeconds } = config;
  const podParts = { cluster, records, ip: ipCodec, settings: config.dialect, hash: inputsHash, md5 };
  const steps = withFailpoints(createControlActivities({ ...podParts, signals, nodeGoneSeconds }), failpoints);
  const runs = { isOpen: (pod: PodIdentity) => podRunIsOpen(temporal.client, pod) };
  const lookAtPod = createLookAtPod(podParts);
  const sweep = createSweepControlActivities({
    ...{ cluster, records, signals, runs, lookAtPod },
    publishStatus: (input) => steps.publishStatus(input),
  });
  const reflection = createReflectionWorker(config.reflect, kube, () => log, credentials);
  const activities = {
    ...steps,
    ...joinSteps(steps),
    ...withFailpoints({ ...sweep, ...reflection.activities }, failpoints),
  };

  const stopped = new AbortController();
  const stopEarly = (): void => stopped.abort();
  process.once('SIGTERM', stopEarly);
  process.once('SIGINT', stopEarly);
  const registry = new Registry();
  exposeExpiry(registry, credentials);
  const startUp = new StartUp(log, stopped.signal);
  const lasting = new LastingEvents(async (event) => {
    const self = await ownPod(kube, keys);
    if (self !== undefined) await cluster.createEvent(self, event);
  }, log);
  const checks = new StartChecks(
    [
      temporalSource(config.temporal, temporal, { make: true }),
      lasting.around(etcdSource(config.etcd)),
      kubernetesSource(kube, config, orchestratorRights(config.dialect), definitionKinds(config.dialect)),
    ],
    log,
    stopped.signal,
  );
  const workers: Worker[] = [];
  // Before anything is waited for: a process that waits is alive, and says what it waits for.
  const health = await startHealthServer({
    bindAddress: config.bindAddress,
    metrics: registry,
    notReady: () => [...startUp.reasons(checks.reasons()), ...workerReasons(workers), ...checks.reasons()],
    checks: () => checks.checks(),
  });
  checks.start();
  const connection = await startUp.temporal(config.temporal, temporal, { makeSearchAttributes: true, credentials });
  if (connection === undefined) return;
  const { code, build } = await workflowBuild();
  const thread = tuneSdk(config.sdkTuning, log);
  const roster = openEtcd(config.etcd, credentials);
  let versioning: Versioning | undefined;
  await startUp.until('versions of workers in Temporal', async () => {
    versioning = await Versioning.begin({
      ...{ mode: config.workflowVersioning, deployment: ORCHESTRATOR_DEPLOYMENT, build, log },
      builds: createWorkflowBuilds(temporal.client, config.temporal.namespace, ORCHESTRATOR_DEPLOYMENT),
      rosterOf: (served) => createRoster(roster, { id: `${hostname()}-${randomUUID()}`, build: served }),
    });
  });
  if (versioning === undefined) return;
  const worker = await Worker.create({
    connection: connection.native,
    namespace: config.temporal.namespace,
    taskQueue: CONTROL_QUEUE,
    ...code,
    ...thread.options,
    ...versioning.workerOptions,
    activities: loggedActivities(activities, log),
    maxCachedWorkflows: CACHED_WORKFLOWS,
    ...workflowSlots(config.workflowSlots),
    // Almost all of them are local activities; what is scheduled on this queue are a few resyncs.
    activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 1 },
    shutdownGraceTime: '5s',
    shutdownForceTime: '15s',
  });
  thread.workerIsThere();
  const exec = await createExecBackend({
    ...{ cluster, etcd, connection: connection.native, log, failpoints, kubeconfig: config.kubeconfig },
    commandMs: config.execCommandMs,
    temporalNamespace: config.temporal.namespace,
  });
  connection.keepFresh([worker, exec.worker]);
  workers.push(worker, exec.worker);
  // Each ends by itself on a signal; a fault of one ends the process.
  const served = Promise.all([worker.run(), exec.run()]);
  await Promise.race([served, serve(startUp, versioning, stopped.signal)]);
  const { tuned: sdkTuned } = thread;
  log.info({ queue: CONTROL_QUEUE, build, sdkTuned, health: health.address }, 'serving');
  await served;
  await versioning.leave();
  await health.stop();
  await Promise.all([connection.close(), temporal.close()]);
  kube.close();
  etcd.close();
  roster.close();
  reflection.close();
  credentials.stop();
}

/** Ready when new runs may come here; then the builds are looked after for as long as the process lives. */
async function serve(startUp: StartUp, versioning: Versioning, signal: AbortSignal): Promise<void> {
  if (!(await startUp.until('build of the workflows', () => versioning.firstLook()))) return;
  startUp.done();
  void versioning.keep(signal);
}

try {
  const argv = process.argv.slice(2);
  if (argv.includes('--help')) process.stdout.write(orchestratorHelp());
  else await run(readOrchestratorConfig(argv, process.env, await loadSettingsFile(argv, process.env)));
  process.exit(0);
} catch (error) {
  process.stderr.write(
    `podwire orchestrator: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exit(error instanceof ConfigError ? 2 : 1);
}
