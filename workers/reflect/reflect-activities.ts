/** The reflection's part of a worker: its activities on real adapters, and the counters that are shown. */
import { createReflectActivities } from '../../activities/reflect/index.ts';
import type { ReflectLog } from '../../activities/reflect/reflect-deps.ts';
import type { ReflectActivities, ReflectLocalActivities } from '../../activities/reflect/reflect-contract.ts';
import { openReflectStore } from '../../adapters/reflect/reflect-store.ts';
import type { KubeClient } from '../../adapters/kubernetes/client.ts';
import { createReflectCluster } from '../../adapters/reflect/reflect-cluster.ts';
import type { Logger } from '../../adapters/log/logger.ts';
import { createReflectCodec } from '../../adapters/reflect/codec.ts';
import type { CredentialStore } from '../../adapters/tls/rotation.ts';
import type { ReflectConfig } from '../../config/reflect/reflect.ts';
import type { RecordKind } from '../../domain/reflect/kinds.ts';
import { ReflectionLedger } from '../../domain/reflect/statistics.ts';

export interface ReflectionWorker {
  readonly activities: ReflectActivities & ReflectLocalActivities;
  readonly ledger: ReflectionLedger<RecordKind>;
  close(): void;
}

/**
 * A local activity is given up after 2 s; one call to etcd must end before half of that. A resync that meets a slower etcd tries again as a whole.
 */
const ETCD_TIMEOUT_MS = 950;

/** @param logOf the logger of a kind, so that each can have a level of its own */
export function createReflectionWorker(
  config: ReflectConfig,
  kube: KubeClient,
  logOf: (kind: RecordKind) => Logger,
  credentials: CredentialStore,
): ReflectionWorker {
  const store = openReflectStore({ ...config.etcd, timeoutMs: ETCD_TIMEOUT_MS }, credentials);
  const ledger = new ReflectionLedger<RecordKind>();
  const activities = createReflectActivities({
    ...{ store, ledger, settings: config.settings, keepLabels: config.keepLabels },
    cluster: createReflectCluster(kube),
    codec: createReflectCodec(config.settings.encoding),
    log: reflectLog(logOf),
    nodePauseSeconds: config.nodePauseSeconds,
    now: () => Date.now(),
  });
  return { activities, ledger, close: () => store.close() };
}

/** Objects that were complained about; forgotten all at once when there are too many of them. */
const MAX_TOLD = 1_000;

function reflectLog(logOf: (kind: RecordKind) => Logger): ReflectLog {
  const told = new Set<string>();
  return {
    skipped: (kind, name, why) => {
      const line = `${kind} ${name}: ${why}`;
      if (told.has(line)) return;
      if (told.size >= MAX_TOLD) told.clear();
      told.add(line);
      logOf(kind).warn({ kind, name, why }, 'not reflected');
    },
    written: (kind, what, key) => logOf(kind).debug({ kind, key }, what),
    info: (kind, facts, message) => logOf(kind).info({ kind, ...facts }, message),
  };
}
