/**
 * The watcher process.
 * Exit codes: 0 after SIGTERM or SIGINT, 1 after a fault of its own, 2 when the configuration is refused.
 */
import { createEtcd } from '../adapters/etcd/client.ts';
import { timedEtcd } from '../adapters/etcd/timed.ts';
import { createLogger } from '../adapters/log/logger.ts';
import { createTracing } from '../adapters/tracing/create-tracing.ts';
import { RotatingCredentials } from '../adapters/tls/rotation.ts';
import { ConfigError } from '../config/cli-flags.ts';
import { loadSettingsFile } from '../config/load-settings-file.ts';
import { readWatcherConfig, watcherHelp, type WatcherConfig } from '../config/watcher.ts';
import { buildInfo } from '../workers/build-info.ts';
import { exitOnFaults } from '../workers/exit-on-faults.ts';
import { createPartMetrics } from '../workers/metrics/part-metrics.ts';
import { etcdConvergedReader } from './etcd-converged-reader.ts';
import { etcdStoreAccess } from './etcd-store-access.ts';
import { startWatcher } from './watcher.ts';

const STOP_LIMIT_MS = 10_000;

async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  if (argv.includes('--help')) {
    process.stdout.write(watcherHelp());
    return;
  }
  await run(readWatcherConfig(argv, process.env, await loadSettingsFile(argv, process.env)));
}

async function run(config: WatcherConfig): Promise<void> {
  const log = createLogger('watcher', config.logLevel);
  exitOnFaults(log);
  const credentials = new RotatingCredentials(log);
  const part = createPartMetrics('watcher');
  const etcd = timedEtcd(createEtcd(config.etcd, credentials), part.calls.etcd);
  const tracing = await createTracing('watcher', buildInfo(process.env).version, process.env, log);
  const known = { tracing, converged: etcdConvergedReader(etcd, log), store: etcdStoreAccess(etcd), part };
  const watcher = await startWatcher(config, known, log, credentials);
  log.info({ address: watcher.address }, 'watching');
  const stop = (signal: string): void => {
    log.info({ signal }, 'stopping');
    setTimeout(() => {
      log.error('did not stop in time');
      process.exit(1);
    }, STOP_LIMIT_MS).unref();
    void watcher.stop().then(async () => {
      etcd.close();
      await tracing.close();
      process.exit(0);
    });
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

try {
  await main();
} catch (error) {
  const refused = error instanceof ConfigError;
  process.stderr.write(`podwire watcher: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(refused ? 2 : 1);
}
