/**
 * reflect: how long the first resync of a large cluster takes against a bare etcd client with the same keys, and how far etcd is behind while
 * a hundred objects a second change.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Etcd3 } from 'etcd3';
import { createReflectCluster } from '../../adapters/reflect/reflect-cluster.ts';
import { openReflectStore } from '../../adapters/reflect/reflect-store.ts';
import { createReflectCodec } from '../../adapters/reflect/codec.ts';
import { signalResync } from '../../adapters/reflect/reflect-starter.ts';
import { apply } from '../../deploy/demo/cluster.ts';
import { ORCHESTRATOR_PART, startPodwirePart, WATCHER_PART } from '../../deploy/lab/podwire.ts';
import { stopPart } from '../../deploy/lab/lab.ts';
import { waitFor } from '../../deploy/lab/waiting.ts';
import type { KubeClient } from '../../adapters/kubernetes/client.ts';
import { derive } from '../../domain/reflect/derive.ts';
import type { ReflectStore } from '../../domain/ports/reflect-store.ts';
import { findDifferences, stillDifferent, type DifferencesDeps } from '../../domain/reflect/differences.ts';
import { REFLECT_SOURCES, reflectWorkflowId } from '../../domain/reflect/messages.ts';
import { markerKey } from '../../domain/reflect/pod-networks.ts';
import { listPrefix } from '../../domain/reflect/keys.ts';
import { DEFAULT_REFLECT_SETTINGS } from '../../domain/reflect/settings.ts';
import type { BenchLab } from './bench-lab.ts';
import { usageOf } from './process-usage.ts';
import { floors, type Floor, type KeyValue } from './reflect-floor.ts';
import {
  createObjects,
  objectsGone,
  openObjects,
  podName,
  REFLECT_NAMESPACE,
  removeObjects,
  STAMP,
  stampPod,
  type ObjectCounts,
} from './reflect-objects.ts';
import { bar, number, type BenchResult } from './report.ts';
import { sampleOf } from './statistics.ts';

export interface ReflectCounts extends ObjectCounts {
  readonly seconds: number;
}

type Sides = DifferencesDeps & { readonly store: ReflectStore };

const CHANGES_A_SECOND = 100;
const PATCHES_AT_ONCE = 16;
const RESYNC_LIMIT_MS = 600_000;
const WATCHER_MIB = 300;
const LAG_MS = 1_000;
const REFLECT = { PODWIRE_REFLECT: 'true', PODWIRE_RELIST_SECONDS: '86400' };
const PARTS = [WATCHER_PART, ORCHESTRATOR_PART, 'temporal', 'podwire-etcd', 'kube-apiserver', 'etcd'];

const settings = DEFAULT_REFLECT_SETTINGS;
const MARKERS = REFLECT_SOURCES.map((source) => markerKey(source, settings));

export async function reflectBench(bench: BenchLab, counts: ReflectCounts): Promise<BenchResult> {
  const { lab } = bench;
  const reflecting = { env: { ...bench.podwire.compared, ...REFLECT } };
  const kube = openObjects(lab);
  const store = openReflectStore({ endpoints: [lab.etcd.host], timeoutMs: 30_000 });
  const codec = createReflectCodec(settings.encoding);
  const sides: Sides = { store, codec, settings, cluster: createReflectCluster(kube) };
  try {
    await objectsGone(lab);
    await apply(lab, [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: REFLECT_NAMESPACE } }]);
    await waitFor(
      'the service account',
      () => kube.call(account).then(({ status }) => (status === 200 ? true : undefined)),
      {
        limitMs: 30_000,
      },
    );
    await createObjects(kube, counts, bench.say);
    const { values, listMs } = await wholeCluster(sides);
    bench.say(`reflect: ${values.length} keys, listed in ${number(listMs)} ms`);
    await stopPart(lab, WATCHER_PART);
    await startPodwirePart(lab, ORCHESTRATOR_PART, reflecting);
    const all = await floors(lab.etcd.host, values);
    const [floor] = all;
    if (floor === undefined) throw new Error('no floor');
    // The orchestrator has just begun; what is measured is one that runs.
    await firstResync(bench, sides);
    const resyncMs = await firstResync(bench, sides);
    bench.say(`reflect: first resync ${number(resyncMs)} ms, floor ${number(floor.ms)} ms`);

    await startPodwirePart(lab, WATCHER_PART, reflecting);
    await settled(bench, sides);
    const steady = await steadyChanges(bench, kube, counts);
    bench.say(`reflect: steady, ${steady.lags.length} of ${steady.asked} changes seen`);
    const differences = await leftDifferences(sides);
    return resultOf(counts, { values: values.length, listMs, resyncMs, floor, all, steady, differences });
  } finally {
    await removeObjects(lab);
    await stopPart(lab, WATCHER_PART);
    store.close();
    kube.close();
  }
}

const account = {
  method: 'GET',
  path: `/api/v1/namespaces/${REFLECT_NAMESPACE}/serviceaccounts/default`,
} as const;

/** Everything that is to be in etcd, and how long the lists alone take. */
async function wholeCluster({ cluster, codec }: Sides): Promise<{ values: KeyValue[]; listMs: number }> {
  const values: KeyValue[] = [];
  let listMs = 0;
  for (const source of REFLECT_SOURCES) {
    let startedAt = performance.now();
    for await (const page of cluster.pages(source)) {
      listMs += performance.now() - startedAt;
      const derived = page.flatMap(({ name, object }) => derive(source, name, object, settings));
      for (const { key, kind, record } of derived)
        if (record !== undefined) values.push({ key, value: codec.encode(kind, record) });
      startedAt = performance.now();
    }
    listMs += performance.now() - startedAt;
  }
  return { values, listMs };
}

/** Into an etcd without any of it, from the signals to the last marker. */
async function firstResync({ temporal, lab }: BenchLab, { store }: Sides): Promise<number> {
  const client = new Etcd3({ hosts: `http://${lab.etcd.host}` });
  await client.delete().prefix(settings.prefix);
  await client.delete().prefix('/podwire/reflected/');
  client.close();
  const startedAt = performance.now();
  await Promise.all(REFLECT_SOURCES.map((source) => signalResync(temporal.client, source, 'bench')));
  await waitFor(
    'the first resync',
    async () => ((await store.read(MARKERS)).size === MARKERS.length ? true : undefined),
    {
      limitMs: RESYNC_LIMIT_MS,
      everyMs: 50,
    },
  );
  return performance.now() - startedAt;
}

/** The watcher's own first resyncs are over. */
async function settled({ temporal }: BenchLab, { store }: Sides): Promise<void> {
  const before = (await store.look(MARKERS)).modRevisions;
  await waitFor(
    'the resyncs of the watcher that starts',
    async () => {
      const now = (await store.look(MARKERS)).modRevisions;
      return MARKERS.every((key) => now.get(key) !== before.get(key)) ? true : undefined;
    },
    { limitMs: RESYNC_LIMIT_MS, everyMs: 500 },
  );
  await temporal.probe();
}

interface Steady {
  readonly lags: readonly number[];
  readonly asked: number;
  readonly tookMs: number;
  readonly rows: readonly (readonly string[])[];
  readonly watcherMiB: number;
  readonly workflowTasks: number;
  /** Changes of which neither the value nor a newer one of the same pod came. */
  readonly unseen: number;
}

/** One label of one pod after the other, at an even pace; seen by a watch of etcd. */
async function steadyChanges(bench: BenchLab, kube: KubeClient, counts: ReflectCounts): Promise<Steady> {
  const { lab } = bench;
  const waiting = new Map<string, number>();
  const lags: number[] = [];
  const client = new Etcd3({ hosts: `http://${lab.etcd.host}` });
  const run = String(Date.now());
  const watcher = await client.watch().prefix(listPrefix('pod', settings)).create();
  const stampOf = new RegExp(`"${STAMP}","value":"(\\d+-\\d+)"`);
  watcher.on('put', ({ value }) => {
    const stamp = stampOf.exec(value.toString('utf8'))?.[1] ?? '';
    const since = waiting.get(stamp);
    if (since === undefined) return;
    waiting.delete(stamp);
    lags.push(performance.now() - since);
    // Older values of the same pod never come any more.
    for (let older = Number(stamp.split('-')[1]) - counts.pods; older >= 0; older -= counts.pods)
      waiting.delete(`${run}-${older}`);
  });
  const before = new Map(PARTS.map((part) => [part, usageOf(bench.podwire, part)]));
  const tasksBefore = await workflowTasks(bench);
  const startedAt = performance.now();
  const total = counts.seconds * CHANGES_A_SECOND;
  const sending = new Set<Promise<void>>();
  const peak = new Map(PARTS.map((part) => [part, 0]));
  for (let i = 0; i < total; i += 1) {
    const stamp = `${run}-${i}`;
    // An API server that cannot keep the pace sets it; the report says which it was.
    while (sending.size >= PATCHES_AT_ONCE) await Promise.race(sending);
    const call = stampPod(kube, podName(i % counts.pods), stamp).then(() => void 0);
    // From the moment it is asked for: what the API server needs is in the lag as well.
    waiting.set(stamp, performance.now());
    sending.add(call);
    void call.finally(() => sending.delete(call)).catch(() => undefined);
    if (i % CHANGES_A_SECOND === 0) {
      for (const part of PARTS) peak.set(part, Math.max(peak.get(part) ?? 0, usageOf(bench.podwire, part).rssMiB));
    }
    const due = startedAt + ((i + 1) * 1_000) / CHANGES_A_SECOND;
    if (due > performance.now()) await sleep(due - performance.now());
  }
  const tookMs = performance.now() - startedAt;
  await Promise.all(sending);
  await waitFor('the last changes in etcd', async () => (waiting.size === 0 ? true : undefined), {
    limitMs: 60_000,
  }).catch(() =>
    bench.say(
      `reflect: ${waiting.size} changes were not seen on their own (a newer value came first, or they are missing)`,
    ),
  );
  await watcher.cancel();
  client.close();
  const rows = PARTS.map((part) => {
    const usage = usageOf(bench.podwire, part);
    const cpuMs = usage.ownMs - (before.get(part)?.ownMs ?? 0);
    return [part, number(peak.get(part) ?? 0), number(cpuMs / (tookMs / 1_000))];
  });
  const tasks = (await workflowTasks(bench)) - tasksBefore;
  return {
    lags,
    asked: total,
    tookMs,
    rows,
    watcherMiB: peak.get(WATCHER_PART) ?? 0,
    workflowTasks: tasks,
    unseen: waiting.size,
  };
}

/** Workflow tasks of all runs of the reflection so far. */
async function workflowTasks({ temporal }: BenchLab): Promise<number> {
  let count = 0;
  const ids = REFLECT_SOURCES.map((source) => `WorkflowId = "${reflectWorkflowId(source)}"`);
  for await (const { workflowId, runId } of temporal.client.workflow.list({ query: ids.join(' OR ') })) {
    const { events } = await temporal.client.workflow.getHandle(workflowId, runId).fetchHistory();
    const done = (events ?? []).map((event) => event.workflowTaskCompletedEventAttributes ?? undefined);
    count += done.filter((task) => task !== undefined).length;
  }
  return count;
}

async function leftDifferences(sides: Sides): Promise<number> {
  let left = 0;
  for (const source of REFLECT_SOURCES) {
    const { differences } = await findDifferences(sides, source);
    if (differences.length > 0) await sleep(2_000);
    left += (await stillDifferent(sides, source, differences)).length;
  }
  return left;
}

interface Measured {
  readonly values: number;
  readonly listMs: number;
  readonly resyncMs: number;
  readonly floor: Floor;
  readonly all: readonly Floor[];
  readonly steady: Steady;
  readonly differences: number;
}

function resultOf({ pods, services, policies, seconds }: ReflectCounts, m: Measured): BenchResult {
  const lag = sampleOf(m.steady.lags);
  const p99 = percentile(m.steady.lags, 0.99);
  const allowed = 3 * m.floor.ms + m.listMs;
  const { steady } = m;
  return {
    bench: 'reflect',
    how: `${pods} pods, ${services} services, ${policies} policies; resync into an empty etcd; then ${CHANGES_A_SECOND} changed pods a second for ${seconds} s`,
    figures: [
      {
        what: 'first resync',
        unit: 'ms',
        sample: sampleOf([m.resyncMs]),
        floor: sampleOf([m.floor.ms]),
        bars: [bar(`≤ 3 floors + lists (${number(allowed)} ms)`, m.resyncMs, allowed)],
      },
      { what: 'lists alone', unit: 'ms', sample: sampleOf([m.listMs]) },
      {
        what: 'change to etcd',
        unit: 'ms',
        sample: lag,
        bars: [bar(`p99 ≤ ${LAG_MS} ms (${number(p99)})`, p99, LAG_MS)],
      },
      {
        what: 'watcher, peak',
        unit: 'MiB',
        sample: sampleOf([steady.watcherMiB]),
        bars: [bar(`≤ ${WATCHER_MIB} MiB`, steady.watcherMiB, WATCHER_MIB)],
      },
    ],
    tables: [
      {
        title: `steady state: ${number((steady.asked * 1_000) / steady.tookMs)} changes a second (${CHANGES_A_SECOND} wanted), ${number((steady.workflowTasks * 1_000) / steady.tookMs)} workflow tasks a second`,
        columns: ['part', 'peak MiB', 'CPU ms a second'],
        rows: steady.rows,
      },
      {
        title: 'floors: the same keys by a bare etcd client',
        columns: ['puts a transaction', 'transactions at once', 'ms'],
        rows: m.all.map(({ batch, concurrency, ms }) => [String(batch), String(concurrency), number(ms)]),
      },
    ],
    checks: [
      { says: `${m.differences} differences at the end`, holds: m.differences === 0 },
      { says: `${steady.lags.length} values seen in etcd of ${steady.asked} changes`, holds: steady.unseen === 0 },
    ],
  };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
