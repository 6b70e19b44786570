/**
 * The node worker: one per node, serves only that node's queue, and only what it can verify itself.
 * Exit codes: 0 after SIGTERM or SIGINT, 1 after a fault of its own, 2 when the configuration is refused, 3 when the node has a
 * worker already.
 */
import type { Worker } from '@temporalio/worker';
import { logLevelRoutes } from '../adapters/http/log-level-routes.ts';
import type { Route } from '../adapters/http/routes.ts';
import { createLogger } from '../adapters/log/logger.ts';
import { createTracing } from '../adapters/tracing/create-tracing.ts';
import { ConfigError } from '../config/cli-flags.ts';
import { loadSettingsFile } from '../config/load-settings-file.ts';
import { nodeHelp, readNodeConfig, type NodeConfig } from '../config/node.ts';
import { nodeQueue } from '../domain/messages.ts';
import { buildInfo } from './build-info.ts';
import { createPartMetrics } from './metrics/part-metrics.ts';
import { withSdk } from './metrics/sdk-metrics.ts';
import { assembleNode } from './node/node-assembly.ts';
import { serveCni } from './node/cni-server.ts';
import { claimNode, NodeTaken } from './node/node-claim.ts';
import { openNodeConnections } from './node/node-connections.ts';
import { startNodeHealth } from './node/node-health.ts';
import { createNodeSweep } from './node/own-sweeps.ts';
import { clearTombstones } from './node/node-tombstones.ts';
import { startUpkeep } from './node/node-upkeep.ts';
import { createNodeWorker } from './node/node-worker.ts';
import { Opened } from './opened.ts';
import { installRuntime } from './runtime.ts';
import { StartUp } from './start-up.ts';
import { toldToEnd } from './told-to-end.ts';

const EXIT_TAKEN = 3;

async function serve(config: NodeConfig): Promise<void> {
  const log = createLogger('node', config.logLevel, { node: config.node });
  const ending = toldToEnd();
  const { signal } = ending;
  const tracing = await createTracing('node', buildInfo(process.env).version, process.env, log);
  const opened = new Opened();
  opened.add(tracing, (each) => each.close());
  const claim = await claimNode(config.node, log, signal);
  if (claim === undefined) return;
  opened.add(claim, (each) => each.close());
  const sdk = await installRuntime(log, { coreLog: 'output', workerHeartbeats: false });
  const { registry, calls } = createPartMetrics('node');
  const connections = openNodeConnections(config, calls, { log, tracing, signal, opened });
  const assembly = await assembleNode(config, connections, registry, log);
  const { deps, metrics } = assembly;

  const startUp = new StartUp(log, signal);
  const workers: Worker[] = [];
  // Before anything is waited for: a worker that waits is alive, and says what it waits for.
  const routes: Route[] = [...logLevelRoutes(log)];
  const saidOf = {
    ...{ metrics: withSdk(registry, sdk), linkKernel: assembly.kernel },
    ...{ startUp, workers, routes, log, signal },
  };
  const health = opened.add(await startNodeHealth(config, connections, saidOf), (each) => each.stop());
  log.info({ health: health.address }, 'starting');
  // Pods start and end whether Temporal answers or not.
  const primary = await serveCni(config, connections, assembly, log, { tracing, signal, opened });
  routes.push(...(primary?.routes ?? []));
  const connecting = startUp.temporal(config.temporal, connections.temporal, {
    makeSearchAttributes: false,
    credentials: connections.credentials,
    runtime: sdk,
  });
  const ready = await startUp.until("this node's records in etcd", async () => {
    await deps.store.putNode(config.node);
    await clearTombstones(deps, log, signal);
  });
  const upkeep = startUpkeep(config, connections, assembly, log, signal);
  opened.add(upkeep, (each) => each.ended());
  const connection = await connecting;
  if (connection !== undefined) opened.add(connection, (each) => each.close());
  if (ready && connection !== undefined) {
    const sweep = createNodeSweep(deps, metrics.sweep, log);
    const parts = { ...deps, nodeMesh: primary?.mesh };
    const worker = await createNodeWorker(config, connection, parts, metrics, {
      sweep,
      sandbox: primary?.steps,
      tracing,
      log,
    });
    upkeep.sweep(sweep);
    connection.keepFresh([worker]);
    workers.push(worker);
    startUp.done();
    log.info({ queue: nodeQueue(config.node) }, 'serving');
    await worker.run();
  }
  ending.abort();
  // What the upkeep still asks of the runtime is given up, so that its end is not waited for.
  connections.cri.close();
  await opened.close();
}

try {
  const argv = process.argv.slice(2);
  if (argv.includes('--help')) process.stdout.write(nodeHelp());
  else await serve(readNodeConfig(argv, process.env, await loadSettingsFile(argv, process.env)));
  process.exit(0);
} catch (error) {
  const refused = error instanceof ConfigError;
  const taken = error instanceof NodeTaken;
  const plain = refused || taken;
  const shown = error instanceof Error ? (plain ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`podwire node: ${shown}\n`);
  process.exit(taken ? EXIT_TAKEN : refused ? 2 : 1);
}
