/** What the reflector repeats for as long as it lives beside the reflection itself: compacting etcd, and writing KSR's counters. */
import { startAutoCompaction } from '../../adapters/reflect/auto-compaction.ts';
import { openEtcd } from '../../adapters/etcd/open.ts';
import type { LoggerRegistry } from '../../adapters/log/logger-registry.ts';
import { createReflectCodec } from '../../adapters/reflect/codec.ts';
import type { KsrConfig } from '../../config/reflect/ksr.ts';
import type { RecordKind } from '../../domain/reflect/kinds.ts';
import type { ReflectionLedger } from '../../domain/reflect/statistics.ts';
import type { KsrConnections } from './ksr-connections.ts';
import { startStatisticsWriter } from './ksr-statistics.ts';
import type { Opened } from '../opened.ts';

/** Starts at once. `stop` waits for what is under way; what it works with is closed with everything else that was opened. */
export function startKsrUpkeep(
  { autoCompactMs, reflect }: KsrConfig,
  { credentials, store }: KsrConnections,
  ledger: ReflectionLedger<RecordKind>,
  loggers: LoggerRegistry,
  opened: Opened,
): { stop(): Promise<void> } {
  const etcdLog = loggers.logger('etcd');
  const compactor =
    autoCompactMs === 0 ? undefined : opened.add(openEtcd(reflect.etcd, credentials), (each) => each.close());
  const compaction =
    compactor &&
    startAutoCompaction(compactor, autoCompactMs, {
      compacted: (revision) => etcdLog.debug({ revision }, 'compacted'),
      failed: (error) => etcdLog.warn({ err: error }, 'compaction failed; it is tried again in the next period'),
    });
  const statistics = startStatisticsWriter({
    ...{ store, settings: reflect.settings, ledger },
    codec: createReflectCodec(reflect.settings.encoding),
    onFailed: (error) => loggers.logger('ksr-metrics').debug({ err: error }, 'statistics not written'),
  });
  return {
    stop: async () => {
      await Promise.all([statistics.stop(), compaction?.stop()]);
    },
  };
}
