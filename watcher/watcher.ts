/** The watcher, put together: caches, signals, comparison with etcd, health endpoints. */
import { randomUUID } from 'node:crypto';
import type { Registry } from 'prom-client';
import { startHealthServer, type HealthServer } from '../adapters/http/health-server.ts';
import { logLevelRoutes } from '../adapters/http/log-level-routes.ts';
import { ipCodec } from '../adapters/ip/ip-codec.ts';
import { createKubeClient, type KubeClient } from '../adapters/kubernetes/client.ts';
import { configMapView, type ConfigMapView } from '../adapters/kubernetes/config-map.ts';
import { ListWatch, type ListWatchObserver } from '../adapters/kubernetes/list-watch.ts';
import { timedKube } from '../adapters/kubernetes/timed.ts';
import { getPod } from '../adapters/kubernetes/pods.ts';
import { podKeys, podView } from '../adapters/kubernetes/pod-view.ts';
import type { Logger } from '../adapters/log/logger.ts';
import { connectClient, type TemporalClient } from '../adapters/temporal/connection.ts';
import { signalObject } from '../adapters/temporal/object-starter.ts';
import { NO_TRACING, type Tracing } from '../adapters/tracing/tracing.ts';
import { signalPod, type SignalledPod } from '../adapters/temporal/pod-starter.ts';
import { signalDirty, signalResync } from '../adapters/reflect/reflect-starter.ts';
import { requireSearchAttributes } from '../adapters/temporal/search-attributes.ts';
import { exposeExpiry } from '../adapters/tls/expiry-metric.ts';
import type { RotatingCredentials } from '../adapters/tls/rotation.ts';
import type { WatcherConfig } from '../config/watcher.ts';
import { podWorkflowId } from '../domain/messages.ts';
import type { PodView } from '../domain/pod/pod-view.ts';
import { OBJECT_CHANGED } from '../domain/messages.ts';
import { objectText } from '../domain/network-objects/network-object.ts';
import { claimedTunnels, claimsNetworks } from '../domain/plan/published-claims.ts';
import { Definitions } from './definitions.ts';
import type { ConvergedReader } from './converged-reader.ts';
import { definitionKinds, watcherRights } from '../domain/start-checks/rights.ts';
import { etcdSource, kubernetesSource, temporalSource } from '../workers/check-sources.ts';
import type { PartMetrics } from '../workers/metrics/part-metrics.ts';
import { StartChecks } from '../workers/start-checks.ts';
import { createMetrics, type WatcherMetrics } from './metrics.ts';
import { ChangeTraces } from './change-traces.ts';
import { PodChanges } from './pod-changes.ts';
import { ObjectSignals } from './object-signals.ts';
import { PodInputsReader } from './pod-inputs.ts';
import { PodSignals } from './pod-signals.ts';
import { openReflectStore } from '../adapters/reflect/reflect-store.ts';
import { TemporalReach, watchReasons } from './readiness.ts';
import { Reflection } from './reflect/reflect-watch.ts';
import { Rebuild, type StoreAccess } from './rebuild.ts';
import { RelistCheck } from './relist-check.ts';
import { TemporalLoss } from './temporal-loss.ts';

export interface Watcher {
  /** Where health and metrics are served. */
  readonly address: string;
  readonly notReady: () => readonly string[];
  stop(): Promise<void>;
}

/** What a watcher is given of podwire's etcd, and of the process that it is. */
export interface WatcherKnows {
  readonly converged: ConvergedReader;
  readonly store: StoreAccess;
  readonly part: PartMetrics;
  /** Absent: no traces are recorded. */
  readonly tracing?: Tracing;
}

/** Starts everything and returns at once; what cannot be reached is tried for ever. Rejects when the bind address or the kubeconfig is refused. */
export async function startWatcher(
  config: WatcherConfig,
  known: WatcherKnows,
  log: Logger,
  credentials: RotatingCredentials,
): Promise<Watcher> {
  const parts = new WatcherParts(config, known, log, credentials);
  const notReady = (): readonly string[] => parts.notReady();
  const health: HealthServer = await startHealthServer({
    bindAddress: config.bindAddress,
    metrics: known.part.registry,
    notReady,
    checks: () => parts.checks.checks(),
    refresh: () => parts.checks.refresh(),
    local: logLevelRoutes(log),
  });
  parts.start();
  return { address: health.address, notReady, stop: () => parts.stop(health) };
}

/** All that a watcher consists of; each part knows the others only through what it is given here. */
class WatcherParts {
  readonly checks: StartChecks;
  readonly #config: WatcherConfig;
  readonly #metrics: WatcherMetrics;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #kube: KubeClient;
  readonly #temporal: TemporalClient;
  readonly #reach: TemporalReach;
  readonly #inputs: PodInputsReader;
  readonly #signals: PodSignals;
  readonly #reflectStore: ReturnType<typeof openReflectStore> | undefined;
  readonly #reflection: Reflection | undefined;
  readonly #pods: ListWatch<PodView>;
  readonly #changes: PodChanges;
  readonly #check: RelistCheck;
  readonly #loss: TemporalLoss;
  readonly #rebuild: Rebuild;
  readonly #definitions: Definitions;
  readonly #objects: ObjectSignals;
  readonly #configMaps: ListWatch<ConfigMapView>;
  #declared = false;
  #defined = false;

  constructor(
    config: WatcherConfig,
    { converged, store, part: { registry, calls }, tracing = NO_TRACING }: WatcherKnows,
    log: Logger,
    credentials: RotatingCredentials,
  ) {
    this.#config = config;
    this.#log = log;
    this.#kube = timedKube(createKubeClient({ kubeconfig: config.kubeconfig }), calls.kubernetes);
    this.#temporal = connectClient(config.temporal, credentials);
    this.#reach = new TemporalReach(async () => {
      await this.#temporal.probe();
      await requireSearchAttributes(this.#temporal);
    }, log);
    this.#inputs = new PodInputsReader(config.dialect, ipCodec, (ref) => this.#definitions.lookup(ref));
    this.#metrics = this.#newMetrics(registry);
    exposeExpiry(registry, credentials);
    this.#signals = this.#newSignals(new ChangeTraces(tracing));
    this.#objects = this.#newObjectSignals();
    this.#reflectStore = config.reflect === undefined ? undefined : openReflectStore(config.reflect.etcd, credentials);
    this.#reflection = this.#newReflection();
    this.#pods = this.#newPods();
    this.#changes = new PodChanges(this.#inputs, this.#signals, () => this.#pods.views(), this.#stop.signal);
    this.#check = this.#newCheck(converged);
    this.#loss = this.#newLoss();
    this.#rebuild = new Rebuild({
      ...{ store, converged, inputs: this.#inputs, check: this.#check, log },
      views: () => this.#pods.views(),
      isListed: () => this.#pods.state().synced,
      newId: randomUUID,
      onHolding: (objects) => this.#objects.tellMissing(objects, this.#definitions.lookup),
      onOtherStore: (reason) => this.#objects.tellAll(reason),
    });
    this.#definitions = this.#newDefinitions();
    this.#configMaps = this.#newConfigMaps();
    this.checks = this.#newChecks();
  }

  start(): void {
    this.checks.start();
    this.#reach.start();
    this.#rebuild.start();
    this.#loss.start();
    this.#configMaps.start();
    this.#definitions.start();
    this.#reflection?.start();
  }

  async stop(health: HealthServer): Promise<void> {
    this.#stop.abort();
    this.#reach.stop();
    this.#loss.stop();
    await Promise.all([
      this.#configMaps.stop(),
      this.#definitions.stop(),
      this.#pods.stop(),
      this.#rebuild.stop(),
      this.#check.stop(),
      this.#reflection?.stop(),
    ]);
    this.#reflectStore?.close();
    await Promise.all([this.#signals.stop(), this.#objects.stop()]);
    await Promise.all([health.stop(), this.#temporal.close()]);
    this.#kube.close();
  }

  /** What it waits for, in words. */
  notReady(): string[] {
    const { dialect, stallMs } = this.#config;
    const configMap = `ConfigMap ${dialect.configMapNamespace}/${dialect.configMapName}`;
    return [
      ...watchReasons(configMap, this.#configMaps.state(), stallMs),
      ...this.#definitions.notReady(),
      ...watchReasons('pods', this.#pods.state(), stallMs),
      ...this.#reach.reasons(),
      ...(this.#reflection?.notReady() ?? []),
      ...this.checks.reasons(),
    ];
  }

  get #timings(): { relistMs: number; stallMs: number } {
    return { relistMs: this.#config.relistMs, stallMs: this.#config.stallMs };
  }

  readonly #observer = (kind: string): ListWatchObserver => observer(kind, this.#metrics, this.#log);

  #newMetrics(registry: Registry): WatcherMetrics {
    return createMetrics(registry, {
      cached: () => ({
        pod: this.#pods.state().size,
        configmap: this.#configMaps.state().size,
        ...this.#reflection?.cached(),
      }),
      pending: () => this.#signals.pending,
      longestWaitMs: () => this.#signals.longestWaitMs,
      checkFailing: () => this.#check.problem !== undefined,
    });
  }

  #newSignals(traces: ChangeTraces): PodSignals {
    const log = this.#log;
    return new PodSignals({
      send: (pod, signal, why) =>
        traces.sending(pod, signal, why, async () => {
          const { reason, unlessInputs, since } = why;
          const request = { reason, ...(unlessInputs === undefined ? {} : { unlessInputs }) };
          const runId = await signalPod(this.#temporal.client, pod, signal, request);
          const lagMs = Math.round(performance.now() - since);
          log.info({ ...aboutPod(pod), runId, signal, reason, lagMs }, 'signalled');
        }),
      onSent: (signal, lagMs) => {
        this.#reach.reached();
        this.#metrics.starts.inc({ signal });
        this.#metrics.lag.observe(lagMs / 1_000);
      },
      onFailed: (signal, error, retryInMs, pod) => {
        this.#metrics.signalErrors.inc();
        log.warn({ ...aboutPod(pod), signal, retryInMs: Math.round(retryInMs), err: error }, 'signal failed');
      },
    });
  }

  #newObjectSignals(): ObjectSignals {
    return new ObjectSignals({
      send: async (object, reason) => {
        await signalObject(this.#temporal.client, object, { reason });
        this.#reach.reached();
        this.#metrics.starts.inc({ signal: OBJECT_CHANGED });
      },
      onFailed: (object, error) => {
        this.#metrics.signalErrors.inc();
        this.#log.warn({ object: objectText(object), err: error }, 'signal failed');
      },
    });
  }

  #newReflection(): Reflection | undefined {
    const { reflect } = this.#config;
    if (reflect === undefined || this.#reflectStore === undefined) return undefined;
    return new Reflection({
      ...{ client: this.#kube, store: this.#reflectStore, settings: reflect.settings, timings: this.#timings },
      ...{ log: this.#log, podsElsewhere: true },
      sendDirty: (source, names) => signalDirty(this.#temporal.client, source, names),
      sendResync: (source, reason) => signalResync(this.#temporal.client, source, reason),
      onSent: (source, lagMs) => {
        this.#reach.reached();
        this.#metrics.reflectLag.observe({ kind: source }, lagMs / 1_000);
      },
      observer: this.#observer,
    });
  }

  #newPods(): ListWatch<PodView> {
    const keys = podKeys(this.#config.dialect);
    return new ListWatch<PodView>({
      client: this.#kube,
      path: '/api/v1/pods',
      map: (object) => forCache(podView(object, keys)),
      onChange: (change, _source, relist) => {
        this.#changes.take(change, relist);
        this.#reflection?.podChanged(change.view, relist);
      },
      onSynced: (reason) => {
        this.#log.info({ reason, pods: this.#pods.state().size }, 'pods listed');
        this.#check.request();
        this.#reflection?.podsListed(reason);
      },
      observer: this.#observer('pod'),
      timings: this.#timings,
    });
  }

  #newCheck(converged: ConvergedReader): RelistCheck {
    const keys = podKeys(this.#config.dialect);
    return new RelistCheck({
      ...{ converged, inputs: this.#inputs, signals: this.#signals, log: this.#log },
      views: () => this.#pods.views(),
      cached: (uid) => this.#pods.get(uid),
      getPod: (namespace, name) => getPod(this.#kube, keys, namespace, name),
      isTornDown: () => this.#rebuild.isTornDown,
    });
  }

  #newLoss(): TemporalLoss {
    return new TemporalLoss({
      identity: this.#temporal.identity,
      onLost: () => {
        this.#check.request();
        this.#objects.tellAll("Temporal's database is another one");
        this.#reflection?.resyncAll("Temporal's database is another one");
      },
      log: this.#log,
    });
  }

  #newDefinitions(): Definitions {
    return new Definitions({
      client: this.#kube,
      settings: this.#config.dialect,
      observer: this.#observer,
      timings: this.#timings,
      onChange: () => void this.#changes.reconsiderAll('a network definition changed'),
      onObject: (object, isGone) => this.#objects.take(object, isGone),
      onSynced: () => {
        this.#defined = true;
        this.#startPods();
      },
    });
  }

  #newConfigMaps(): ListWatch<ConfigMapView> {
    const { configMapNamespace, configMapName } = this.#config.dialect;
    return new ListWatch<ConfigMapView>({
      client: this.#kube,
      path: `/api/v1/namespaces/${configMapNamespace}/configmaps`,
      query: { fieldSelector: `metadata.name=${configMapName}` },
      map: configMapView,
      onChange: (change) => {
        this.#inputs.declare(change.type === 'deleted' ? undefined : change.view.data);
        if (!this.#declared) return;
        void this.#changes.reconsiderAll('declared networks changed');
        this.#objects.tellAll('declared networks changed');
      },
      onSynced: () => {
        if (this.#declared) return;
        this.#declared = true;
        if (this.#configMaps.state().size === 0) this.#inputs.declare(undefined);
        this.#startPods();
      },
      observer: this.#observer('configmap'),
      timings: this.#timings,
    });
  }

  #newChecks(): StartChecks {
    const { temporal, etcd, dialect, reflect } = this.#config;
    const rights = watcherRights(dialect, reflect !== undefined);
    return new StartChecks(
      [
        temporalSource(temporal, this.#temporal),
        etcdSource(etcd),
        kubernetesSource(this.#kube, this.#config, rights, definitionKinds(dialect)),
      ],
      this.#log,
      this.#stop.signal,
    );
  }

  /** Without what they refer to, every pod would seem to ask for something else. */
  #startPods(): void {
    if (this.#declared && this.#defined) this.#pods.start();
  }
}

const aboutPod = (pod: SignalledPod): object => ({
  ...{ pod: `${pod.namespace}/${pod.name}`, podUid: pod.uid, workflowId: podWorkflowId(pod) },
});

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
