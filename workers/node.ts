/**
 * The node worker: one per node, serves only that node's queue, and only what it can verify itself.
 * Exit codes: 0 after SIGTERM or SIGINT, 1 after a fault of its own, 2 when the configuration is refused, 3 when the node has a
 * worker already.
 */
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import type { CniDeps, NodeDeps } from '../activities/node/deps.ts';
import { createLookBatch } from '../activities/look/look-batch.ts';
import { withHeartbeat } from '../activities/node/with-heartbeat.ts';
import { FdbSync } from '../activities/node/fdb-sync.ts';
import { allowedPlugins } from '../activities/node/allowed-plugins.ts';
import { createNodeActivities, createNodeSteps } from '../activities/node/index.ts';
import type { SenderFiltering } from '../activities/node/forwarding.ts';
import { NetworkLocks } from '../activities/node/network-locks.ts';
import { SandboxLocks } from '../activities/node/sandbox-locks.ts';
import { createNodeGate } from '../activities/node/node-gate.ts';
import { createNodeDoor, openRecorded } from '../activities/node/sandbox-netns.ts';
import { createCniJournal } from '../adapters/cni/journal.ts';
import { configFolders } from '../adapters/cni/config-files.ts';
import { createMultusCache } from '../adapters/cni/multus-cache.ts';
import { createCniPlugins } from '../adapters/cni/plugins.ts';
import { createContainerRuntime } from '../adapters/cri/container-runtime.ts';
import { sweepActivities, type SweepSteps } from '../activities/node/sweep-activities.ts';
import { createCriClient } from '../adapters/cri/client.ts';
import { observeRuntime } from '../adapters/cri/runtime-health.ts';
import { createSandboxRuntime } from '../adapters/cri/sandbox-runtime.ts';
import { createEtcd } from '../adapters/etcd/client.ts';
import { createNodeStore } from '../adapters/etcd/node-store.ts';
import { allowSysctls, READ_ONLY_SYSCTLS } from '../adapters/host/allow-sysctls.ts';
import { readStoreState } from '../adapters/etcd/store-state.ts';
import { readBootId } from '../adapters/host/boot-id.ts';
import { loadFailpoints } from '../adapters/host/failpoints.ts';
import { claimNameSoon } from '../adapters/host/single-instance.ts';
import { temporaryName } from '../adapters/host/temporary-name.ts';
import { startHealthServer } from '../adapters/http/health-server.ts';
import { createIprouteKernel } from '../adapters/iproute/node-kernel.ts';
import { createLogger, type Logger } from '../adapters/log/logger.ts';
import { createLauncher, type Launcher } from '../adapters/process/launcher.ts';
import { ProcessRegistry } from '../adapters/process/registry.ts';
import { connectClient } from '../adapters/temporal/connection.ts';
import { pauseSecondsFor, startSweep } from '../adapters/temporal/sweeps.ts';
import { createSignals } from '../adapters/temporal/signals.ts';
import { exposeExpiry } from '../adapters/tls/expiry-metric.ts';
import { RotatingCredentials } from '../adapters/tls/rotation.ts';
import { ConfigError } from '../config/cli-flags.ts';
import { loadSettingsFile } from '../config/load-settings-file.ts';
import { nodeHelp, readNodeConfig, type NodeConfig } from '../config/node.ts';
import { incarnationKey, teardownKey } from '../domain/keys.ts';
import { nodeQueue } from '../domain/messages.ts';
import { networkKey } from '../domain/network-selection.ts';
import type { WorkerConnection } from './native-connection.ts';
import { etcdSource, nodeHostSource, temporalSource } from './check-sources.ts';
import { everyInterval, whileFoldersRest } from './node-loops.ts';
import { NodeConfigsPublisher } from './node-configs.ts';
import { createNodeMetrics, type NodeMetrics } from './node-metrics.ts';
import { Pace } from './pace.ts';
import { resyncNetworks } from './node-resync.ts';
import { createNodeSweep, OwnLooks } from './node-sweep.ts';
import { clearTombstones } from './node-tombstones.ts';
import { installRuntime } from './runtime.ts';
import { noting, SandboxWatch } from './sandbox-watch.ts';
import { senderFiltering } from './sender-filtering.ts';
import { PAUSE_OF_MANY_MS, StartChecks } from './start-checks.ts';
import { StartUp, workerReasons } from './start-up.ts';
import { StoreWatch } from './store-watch.ts';

const RESYNC_INTERVAL_MS = 60_000;
/** What is published is read again: the net below what was deleted by hand, or told to a run that had no ear. */
const RELOAD_INTERVAL_MS = 300_000;
/** A sandbox is Ready some seconds after its netns has appeared; the slowest find themselves by the second figure. */
const SANDBOX_PACE = { oftenMs: 2_000, seldomMs: 60_000, alertMs: 60_000 };
const CONFIGS_PACE = { oftenMs: 5_000, seldomMs: 120_000, alertMs: 15_000 };
/** A key of a few is read; a thousand nodes that hear nothing are two hundred reads a second. */
const STORE_PACE = { oftenMs: 5_000, seldomMs: 120_000, alertMs: 15_000 };
const SLOTS = 16;
/** Looks for people come after pods' own operations. */
const LOOKS_AT_ONCE = 4;
const EXIT_TAKEN = 3;
/** Longer than a worker takes that was told to end, or whose pod was deleted by force. */
const PREDECESSOR_MS = 15_000;
/** What a worker that is to end may still take to finish what it does. */
const GRACE_MS = 2_000;

async function serve(config: NodeConfig): Promise<void> {
  const log = createLogger('node', config.logLevel).child({ node: config.node });
  const queue = nodeQueue(config.node);
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGTERM', stop).once('SIGINT', stop);
  const { signal } = stopping;
  const onTaken = (): void =>
    log.warn({ queue, limitMs: PREDECESSOR_MS }, 'the node has a worker; its end is waited for');
  const claim = await claimNameSoon(queue, { limitMs: PREDECESSOR_MS, signal, onTaken });
  if (claim === undefined) {
    if (signal.aborted) return;
    process.stderr.write(
      `podwire node: node ${config.node} has a worker already (abstract socket @${queue} is taken); end it first\n`,
    );
    process.exit(EXIT_TAKEN);
  }
  installRuntime(log, { coreLog: 'output' });
  const registryDir = join(config.stateDir, 'children');
  const killed = new ProcessRegistry(registryDir).endSurvivors();
  if (killed.length > 0) log.warn({ pids: killed }, 'ended children that a previous worker left behind');

  const launcher = createLauncher({ registryDir });
  const sysctls = await allowSysctls(launcher.run);
  if (sysctls.kind === 'read-only') log.warn({ why: sysctls.why }, READ_ONLY_SYSCTLS);
  const credentials = new RotatingCredentials(log);
  const etcd = createEtcd(config.etcd, credentials);
  const cri = createCriClient(config.criSocket);
  signal.addEventListener('abort', () => setTimeout(() => cri.close(), GRACE_MS).unref());
  const runtime = observeRuntime(createSandboxRuntime(cri, config.asks));
  const temporal = connectClient(config.temporal, credentials);
  const gateOf = createNodeGate(createContainerRuntime(cri), config.agentInitContainer);
  const failpoints = await loadFailpoints(config.failpointsFile);
  const filtering = await senderFiltering(config.membersOnly, launcher.run, log);
  const deps = {
    ...assemble(config, {
      store: noting(createNodeStore(etcd), (sandbox) => watch.noted(sandbox)),
      runtime,
      launcher,
      log,
      filtering,
    }),
    failpoints,
    gateOf,
  };
  const signals = createSignals(temporal.client);
  const watch: SandboxWatch = new SandboxWatch(deps, log, (pod) => signals.podChanged(pod, 'sandbox re-created'));
  const metrics = createNodeMetrics({ sandboxes: () => watch.size, links: () => deps.fdb.counts(), filtering });
  exposeExpiry(metrics.registry, credentials);

  const startUp = new StartUp(log, signal);
  const workers: Worker[] = [];
  const checks = new StartChecks(
    [
      temporalSource(config.temporal, temporal, { node: config.node }),
      etcdSource(config.etcd),
      nodeHostSource(config, cri, launcher.run),
    ],
    log,
    signal,
    PAUSE_OF_MANY_MS,
  );
  // Before anything is waited for: a worker that waits is alive, and says what it waits for.
  const health = await startHealthServer({
    bindAddress: config.bindAddress,
    metrics: metrics.registry,
    notReady: () => [...startUp.reasons(), ...workerReasons(workers), ...runtime.problems(), ...checks.reasons()],
    checks: () => checks.checks(),
    refresh: () => checks.refresh(),
  });
  checks.start();
  log.info({ health: health.address }, 'starting');
  const connecting = startUp.temporal(config.temporal, temporal, { makeSearchAttributes: false, credentials });
  const ready = await startUp.until("this node's records in etcd", async () => {
    await deps.store.putNode(config.node);
    await clearTombstones(deps, log, signal);
  });
  const [storePace, sandboxPace, configsPace] = [new Pace(STORE_PACE), new Pace(SANDBOX_PACE), new Pace(CONFIGS_PACE)];
  cri.onLost(() => sandboxPace.changed());
  const configs = new NodeConfigsPublisher({
    store: deps.store,
    signals,
    node: config.node,
    dir: config.cniConfDir,
    log,
  });
  const store = new StoreWatch({
    ...{ deps, log },
    state: () => readStoreState(etcd),
    publish: async () => {
      await deps.store.putNode(config.node);
      watch.restart();
      configs.forget();
      for (const pace of [sandboxPace, configsPace]) pace.changed();
    },
  });
  const loops = [
    etcd.follow([{ key: incarnationKey() }, { key: teardownKey() }], storePace, signal),
    everyInterval('store', storePace, log, signal, () => store.look(signal)),
    whileFoldersRest('configurations', configsPace, log, signal, {
      folders: () => (config.cniConfDir === undefined ? [] : configFolders(config.cniConfDir)),
      work: () => configs.publish(),
    }),
    whileFoldersRest('sandboxes', sandboxPace, log, signal, {
      folders: () => config.netnsRoots,
      work: () => watch.look(signal),
    }),
    everyInterval('resync', RESYNC_INTERVAL_MS, log, signal, () => resyncNetworks(deps, log, signal)),
    everyInterval('reload', RELOAD_INTERVAL_MS, log, signal, async () => watch.reload()),
  ];
  const connection = await connecting;
  if (ready && connection !== undefined) {
    const sweep = createNodeSweep(deps, metrics.sweep, log);
    const worker = await createWorker(config, connection, deps, metrics, sweep);
    if (config.sweepMs > 0) {
      const looks = ownLooks(config, deps, sweep, temporal.client, () => store.isTornDown);
      loops.push(everyInterval('sweep', config.sweepMs, log, signal, () => looks.look(signal)));
    }
    connection.keepFresh([worker]);
    workers.push(worker);
    startUp.done();
    log.info({ queue: nodeQueue(config.node) }, 'serving');
    await worker.run();
  }
  stop();
  cri.close();
  await Promise.all(loops);
  await Promise.all([connection?.close(), temporal.close(), health.stop()]);
  launcher.close();
  etcd.close();
  credentials.stop();
  claim.close();
}

interface AssembledFrom {
  readonly store: NodeDeps['store'];
  readonly runtime: NodeDeps['runtime'];
  readonly launcher: Launcher;
  readonly log: Logger;
  readonly filtering: SenderFiltering;
}

function assemble(
  config: NodeConfig,
  { store, runtime, launcher, log, filtering }: AssembledFrom,
): Omit<CniDeps, 'gateOf' | 'failpoints'> {
  const bootId = readBootId();
  const kernel = createIprouteKernel({
    netnsRoots: config.netnsRoots,
    run: launcher.run,
    scratchDir: join(config.stateDir, 'batches'),
  });
  const { node } = config;
  const journal = createCniJournal(config.cniStateDir);
  const plugins = createCniPlugins({
    binDirs: config.cniBinDirs,
    timeoutMs: config.cniTimeoutMs,
    run: launcher.run,
    log,
  });
  return {
    ...{ node, bootId, store, runtime, kernel, temporaryName },
    serves: (place) => place === node,
    door: createNodeDoor({ kernel, runtime, bootId }),
    sandboxLocks: new SandboxLocks(),
    plugins: allowedPlugins(plugins, config.cniPolicy, journal),
    journal,
    foreign: { cache: createMultusCache(config.multusCniDir), policy: config.cniPolicy },
    networkLocks: new NetworkLocks(),
    onUndoFailed: ({ podUid, sandboxId, interfaceName, network }, failure) => {
      log.warn(
        { podUid, sandboxId, ifName: interfaceName, network: networkKey(network), err: failure },
        'DEL after a failed ADD failed; the next attempt begins with it',
      );
    },
    fdb: new FdbSync({
      node,
      store,
      kernel,
      filtering,
      open: (record, signal) => openRecorded({ kernel }, record, signal),
    }),
  };
}

function ownLooks(
  { node, sweepMs }: NodeConfig,
  { store }: Pick<CniDeps, 'store'>,
  steps: SweepSteps,
  client: Client,
  isTornDown: () => boolean,
): OwnLooks {
  const pauseSeconds = pauseSecondsFor(sweepMs);
  return new OwnLooks({
    ...{ node, steps, isTornDown },
    startSweep: () => startSweep(client, { node, pauseSeconds }),
    noteLook: (at) => store.putNode(node, at),
  });
}

function createWorker(
  config: NodeConfig,
  connection: WorkerConnection,
  deps: CniDeps,
  metrics: NodeMetrics,
  sweep: SweepSteps,
): Promise<Worker> {
  const steps = metrics.timed(createNodeSteps(deps));
  return Worker.create({
    connection: connection.native,
    namespace: config.temporal.namespace,
    taskQueue: nodeQueue(config.node),
    activities: {
      ...createNodeActivities(steps),
      ...sweepActivities(sweep),
      lookIntoPods: withHeartbeat(createLookBatch(steps.lookIntoPod, LOOKS_AT_ONCE)),
    },
    activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 2 },
    maxConcurrentActivityTaskExecutions: SLOTS,
    // Heartbeats are how a cancellation gets here; the default throttles them to most of the time-out.
    maxHeartbeatThrottleInterval: '500ms',
    defaultHeartbeatThrottleInterval: '500ms',
    shutdownGraceTime: GRACE_MS,
    shutdownForceTime: '10s',
  });
}

try {
  const argv = process.argv.slice(2);
  if (argv.includes('--help')) process.stdout.write(nodeHelp());
  else await serve(readNodeConfig(argv, process.env, await loadSettingsFile(argv, process.env)));
  process.exit(0);
} catch (error) {
  const refused = error instanceof ConfigError;
  const shown = error instanceof Error ? (refused ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`podwire node: ${shown}\n`);
  process.exit(refused ? 2 : 1);
}
