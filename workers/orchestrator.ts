/**
 * The orchestrator worker: workflows, and the activities that need the Kubernetes API or etcd but no host.
 * Exit codes: 0 after SIGTERM or SIGINT, 1 after a fault of its own, 2 when the configuration is refused.
 */
import type { Worker } from '@temporalio/worker';
import { loadFailpoints } from '../adapters/host/failpoints.ts';
import { createLogger } from '../adapters/log/logger.ts';
import { createSignals } from '../adapters/temporal/signals.ts';
import { createTracing } from '../adapters/tracing/create-tracing.ts';
import { ConfigError } from '../config/cli-flags.ts';
import { loadSettingsFile } from '../config/load-settings-file.ts';
import { orchestratorHelp, readOrchestratorConfig, type OrchestratorConfig } from '../config/orchestrator.ts';
import { CONTROL_QUEUE } from '../domain/messages.ts';
import { buildInfo } from './build-info.ts';
import { createExecBackend } from './exec-backend.ts';
import { Opened } from './opened.ts';
import { seeToGoneMembers } from './orchestrator/gone-members.ts';
import { createPartMetrics } from './metrics/part-metrics.ts';
import { withSdk } from './metrics/sdk-metrics.ts';
import { seeToGoneOwners } from './orchestrator/gone-owners.ts';
import { assembleOrchestrator } from './orchestrator/orchestrator-assembly.ts';
import { openOrchestratorConnections } from './orchestrator/orchestrator-connections.ts';
import { startOrchestratorHealth } from './orchestrator/orchestrator-health.ts';
import { createOrchestratorMetrics, exposeConnected } from './orchestrator/orchestrator-metrics.ts';
import { beginVersioning, serveBuild } from './orchestrator/orchestrator-versioning.ts';
import { createOrchestratorWorker } from './orchestrator/orchestrator-worker.ts';
import { installRuntime } from './runtime.ts';
import { StartUp } from './start-up.ts';
import { toldToEnd } from './told-to-end.ts';
import { tuneSdk } from './sdk-tuning.ts';
import { workflowBuild } from './workflow-code.ts';
import { workflowSlots } from './workflow-slots.ts';

async function run(config: OrchestratorConfig): Promise<void> {
  const log = createLogger('orchestrator', config.logLevel);
  const { signal } = toldToEnd();
  const { version } = buildInfo(process.env);
  const tracing = await createTracing('orchestrator', version, process.env, log);
  const sdk = await installRuntime(log);
  const opened = new Opened();
  opened.add(tracing, (each) => each.close());
  const { registry, calls } = createPartMetrics('orchestrator');
  const connections = openOrchestratorConnections(config, calls, log, opened);
  exposeConnected(registry, connections);
  const metrics = createOrchestratorMetrics(registry);
  const failpoints = await loadFailpoints(config.failpointsFile);
  const { cluster, activities } = assembleOrchestrator(config, connections, { failpoints, metrics }, log, opened);

  const startUp = new StartUp(log, signal);
  const workers: Worker[] = [];
  // Before anything is waited for: a process that waits is alive, and says what it waits for.
  const saidOf = { metrics: withSdk(registry, sdk), cluster, startUp, workers, log, signal };
  const health = opened.add(await startOrchestratorHealth(config, connections, saidOf), (each) => each.stop());
  const connection = await startUp.temporal(config.temporal, connections.temporal, {
    makeSearchAttributes: true,
    credentials: connections.credentials,
    runtime: sdk,
  });
  if (connection === undefined) return;
  opened.add(connection, (each) => each.close());
  const { code, build } = await workflowBuild();
  const thread = tuneSdk(config.sdkTuning, log);
  const versioning = await beginVersioning(config, connections, startUp, build, log);
  if (versioning === undefined) return;
  const { namespace } = config.temporal;
  const { tuned: sdkTuned, options } = thread;
  const worker = await createOrchestratorWorker({
    ...{ connection, namespace, versioning, activities, tracing, log },
    code: { ...code, ...options },
    slots: workflowSlots(config.workflowSlots),
  });
  thread.workerIsThere();
  const exec = await createExecBackend({
    ...{ cluster, etcd: connections.etcd, connection: connection.native, tracing, log, failpoints, metrics },
    kubeconfig: config.kubeconfig,
    commandMs: config.execCommandMs,
    temporalNamespace: namespace,
  });
  connection.keepFresh([worker, exec.worker]);
  workers.push(worker, exec.worker);
  const signals = createSignals(connections.temporal.client);
  void opened.add(seeToGoneMembers({ etcd: connections.etcd, cluster, signals }, log, signal), (ended) => ended);
  void opened.add(seeToGoneOwners(connections.etcd, cluster, log, signal), (ended) => ended);
  // Each ends by itself on a signal; a fault of one ends the process.
  const served = Promise.all([worker.run(), exec.run()]);
  await Promise.race([served, serveBuild(startUp, versioning, signal)]);
  log.info({ queue: CONTROL_QUEUE, build, sdkTuned, health: health.address }, 'serving');
  await served;
  await versioning.leave();
  await opened.close();
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
