/** The watcher, put together: caches, signals, comparison with etcd, health endpoints. */
import { randomUUID } from 'node:crypto';
import { startHealthServer, type HealthServer } from '../adapters/http/health-server.ts';
import { ipCodec } from '../adapters/ip/ip-codec.ts';
import { createKubeClient } from '../adapters/kubernetes/client.ts';
import { configMapView, type ConfigMapView } from '../adapters/kubernetes/config-map.ts';
import { ListWatch, type ListWatchObserver } from '../adapters/kubernetes/list-watch.ts';
import { getPod } from '../adapters/kubernetes/pods.ts';
import { podKeys, podView } from '../adapters/kubernetes/pod-view.ts';
import type { Logger } from '../adapters/log/logger.ts';
import { connectClient } from '../adapters/temporal/connection.ts';
import { signalPod } from '../adapters/temporal/pod-starter.ts';
import { signalDirty, signalResync } from '../adapters/temporal/reflect-starter.ts';
import { requireSearchAttributes } from '../adapters/temporal/search-attributes.ts';
import { exposeExpiry } from '../adapters/tls/expiry-metric.ts';
import type { RotatingCredentials } from '../adapters/tls/rotation.ts';
import type { WatcherConfig } from '../config/watcher.ts';
import type { PodView } from '../domain/pod-view.ts';
import { claimedTunnels, claimsNetworks } from '../domain/published-claims.ts';
import { Definitions } from './definitions.ts';
import type { MarkReader } from './mark-reader.ts';
import { definitionKinds, watcherRights } from '../domain/start-checks/rights.ts';
import { etcdSource, kubernetesSource, temporalSource } from '../workers/check-sources.ts';
import { StartChecks } from '../workers/start-checks.ts';
import { createMetrics, type WatcherMetrics } from './metrics.ts';
import { PodChanges } from './pod-changes.ts';
import { PodInputsReader } from './pod-inputs.ts';
import { PodSignals } from './pod-signals.ts';
import { openReflectStore } from '../adapters/etcd/reflect-store.ts';
import { TemporalReach, watchReasons } from './readiness.ts';
import { Reflection } from './reflection.ts';
import { Rebuild, type StoreAccess } from './rebuild.ts';
import { RelistCheck } from './relist-check.ts';
import { TemporalLoss } from './temporal-loss.ts';

export interface Watcher {
  /** Where health and metrics are served. */
  readonly address: string;
  readonly notReady: () => readonly string[];
  stop(): Promise<void>;
}

/** Starts everything and returns at once; what cannot be reached is tried for ever. Rejects when the bind address or the kubeconfig is refused. */
export async function startWatcher(
  config: WatcherConfig,
  marks: MarkReader,
  store: StoreAccess,
  log: Logger,
  credentials: RotatingCredentials,
): Promise<Watcher> {
  const kube = createKubeClient({ kubeconfig: config.kubeconfig });
  const temporal = connectClient(config.temporal, credentials);
  const reach = new TemporalReach(async () => {
    await temporal.probe();
    await requireSearchAttributes(temporal);
  }, log);
  const inputs = new PodInputsReader(config.dialect, ipCodec, (ref) => definitions.lookup(ref));
  const stop = new AbortController();
  const keys = podKeys(config.dialect);
  const metrics: WatcherMetrics = createMetrics({
    cached: () => ({ pod: pods.state().size, configmap: configMaps.state().size, ...reflection?.cached() }),
    pending: () => signals.pending,
    checkFailing: () => check.problem !== undefined,
  });
  exposeExpiry(metrics.registry, credentials);

  const signals = new PodSignals({
    send: async (pod, signal, reason, unlessInputs) => {
      const hint = { reason, ...(unlessInputs === undefined ? {} : { unlessInputs }) };
      await signalPod(temporal.client, pod, signal, hint);
    },
    onSent: (signal, lagMs, pod) => {
      reach.reached();
      metrics.starts.inc({ signal });
      metrics.lag.observe(lagMs / 1_000);
      log.debug(
        { podUid: pod.uid, pod: `${pod.namespace}/${pod.name}`, signal, lagMs: Math.round(lagMs) },
        'signalled',
      );
    },
    onFailed: (signal, error, retryInMs, pod) => {
      metrics.signalErrors.inc();
      log.warn({ podUid: pod.uid, signal, retryInMs: Math.round(retryInMs), err: error }, 'signal failed');
    },
  });

  const timings = { relistMs: config.relistMs, stallMs: config.stallMs };
  const reflectStore = config.reflect === undefined ? undefined : openReflectStore(config.reflect.etcd, credentials);
  const reflection =
    config.reflect === undefined || reflectStore === undefined
      ? undefined
      : new Reflection({
          ...{
            client: kube,
            store: reflectStore,
            settings: config.reflect.settings,
            timings,
            log,
            podsElsewhere: true,
          },
          sendDirty: (source, names) => signalDirty(temporal.client, source, names),
          sendResync: (source, reason) => signalResync(temporal.client, source, reason),
          onSent: (source, lagMs) => {
            reach.reached();
            metrics.reflectLag.observe({ kind: source }, lagMs / 1_000);
          },
          observer: (kind) => observer(kind, metrics, log),
        });
  const pods: ListWatch<PodView> = new ListWatch<PodView>({
    client: kube,
    path: '/api/v1/pods',
    map: (object) => forCache(podView(object, keys)),
    onChange: (change, _source, relist) => {
      changes.take(change, relist);
      reflection?.podChanged(change.view, relist);
    },
    onSynced: (reason) => {
      log.info({ reason, pods: pods.state().size }, 'pods listed');
      check.request();
      reflection?.podsListed(reason);
    },
    observer: observer('pod', metrics, log),
    timings,
  });
  const changes = new PodChanges(inputs, signals, () => pods.views(), stop.signal);
  const check: RelistCheck = new RelistCheck({
    marks,
    inputs,
    signals,
    views: () => pods.views(),
    cached: (uid) => pods.get(uid),
    getPod: (namespace, name) => getPod(kube, keys, namespace, name),
    isTornDown: () => rebuild.isTornDown,
    log,
  });
  const loss = new TemporalLoss({
    identity: temporal.identity,
    onLost: () => {
      check.request();
      reflection?.resyncAll("Temporal's database is another one");
    },
    log,
  });
  const rebuild: Rebuild = new Rebuild({
    ...{ store, marks, inputs, check, log },
    views: () => pods.views(),
    isListed: () => pods.state().synced,
    newId: randomUUID,
  });

  // Without what they refer to, every pod would seem to ask for something else.
  const startPods = (): void => {
    if (declared && defined) pods.start();
  };
  let defined = false;
  const definitions = new Definitions({
    client: kube,
    settings: config.dialect,
    observer: (kind) => observer(kind, metrics, log),
    timings,
    onChange: () => void changes.reconsiderAll('a network definition changed'),
    onSynced: () => {
      defined = true;
      startPods();
    },
  });
  let declared = false;
  const configMaps = new ListWatch<ConfigMapView>({
    client: kube,
    path: `/api/v1/namespaces/${config.dialect.configMapNamespace}/configmaps`,
    query: { fieldSelector: `metadata.name=${config.dialect.configMapName}` },
    map: configMapView,
    onChange: (change) => {
      inputs.declare(change.type === 'deleted' ? undefined : change.view.data);
      if (declared) void changes.reconsiderAll('declared networks changed');
    },
    onSynced: () => {
      if (declared) return;
      declared = true;
      if (configMaps.state().size === 0) inputs.declare(undefined);
      startPods();
    },
    observer: observer('configmap', metrics, log),
    timings,
  });

  const checks = new StartChecks(
    [
      temporalSource(config.temporal, temporal),
      etcdSource(config.etcd),
      kubernetesSource(
        kube,
        config,
        watcherRights(config.dialect, config.reflect !== undefined),
        definitionKinds(config.dialect),
      ),
    ],
    log,
    stop.signal,
  );
  const notReady = (): string[] => [
    ...watchReasons(
      `ConfigMap ${config.dialect.configMapNamespace}/${config.dialect.configMapName}`,
      configMaps.state(),
      config.stallMs,
    ),
    ...definitions.notReady(),
    ...watchReasons('pods', pods.state(), config.stallMs),
    ...reach.reasons(),
    ...(reflection?.notReady() ?? []),
    ...checks.reasons(),
  ];
  const health: HealthServer = await startHealthServer({
    bindAddress: config.bindAddress,
    metrics: metrics.registry,
    notReady: () => notReady(),
    checks: () => checks.checks(),
  });
  checks.start();
  reach.start();
  rebuild.start();
  loss.start();
  configMaps.start();
  definitions.start();
  reflection?.start();
  return {
    address: health.address,
    notReady,
    stop: async () => {
      stop.abort();
      reach.stop();
      loss.stop();
      await Promise.all([
        configMaps.stop(),
        definitions.stop(),
        pods.stop(),
        rebuild.stop(),
        check.stop(),
        reflection?.stop(),
      ]);
      reflectStore?.close();
      await signals.stop();
      await Promise.all([health.stop(), temporal.close()]);
      kube.close();
    },
  };
}

/** The published status is the biggest thing a view can hold; it only matters beside a status that another runtime may have written. */
function forCache(view: PodView | undefined): PodView | undefined {
  if (view === undefined) return undefined;
  const { npwgStatus, publishedStatus } = view;
  return {
    ...view,
    resourceVersion: undefined,
    ...(claimsNetworks(publishedStatus) ? { claims: { tunnels: claimedTunnels(publishedStatus) } } : {}),
    publishedStatus: npwgStatus === undefined ? undefined : publishedStatus,
  };
}

function observer(kind: string, metrics: WatcherMetrics, log: Logger): ListWatchObserver {
  return {
    event: (type) => {
      metrics.events.inc({ kind, type });
    },
    relist: (reason) => {
      metrics.relists.inc({ kind, reason });
    },
    cacheMiss: () => {
      metrics.cacheMisses.inc({ kind });
    },
    failure: (message, retryInMs) => {
      metrics.watchFailures.inc({ kind });
      log.warn({ kind, retryInMs: Math.round(retryInMs) }, message);
    },
    consumerError: (error) => {
      metrics.consumerErrors.inc({ kind });
      log.error({ kind, err: error }, 'handling a change threw; the watch goes on');
    },
  };
}
