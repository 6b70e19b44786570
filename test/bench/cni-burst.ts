/** cni-burst: many running pods get a CNI network at the same moment, and lose it: forty of one node, a hundred of all. */
import type { LabNode } from '../../deploy/lab/lab.ts';
import { openConnections, type BenchLab } from './bench-lab.ts';
import type { WatchedPod } from './change.ts';
import { floorOf } from './cni-floor.ts';
import {
  ADDRESSED,
  defineBenchNetworks,
  ensureBarePods,
  givenOut,
  LINK,
  NETWORKS,
  nothingLeft,
  podsQuiet,
  setCniNetwork,
  type BenchNetwork,
} from './cni-pods.ts';
import { StatusWatch } from './cni-status-watch.ts';
import { BACKENDS, cpuOf, forgetPeak, peakMiB, podwireParts } from './cni-usage.ts';
import { LinkMonitor } from './link-monitor.ts';
import { bar, number, type BenchResult, type Check, type Figure, type Table } from './report.ts';
import { sampleOf } from './statistics.ts';
import { setWallClock, wallNow } from './wall-clock.ts';

export interface BurstOptions {
  /** On the first node; over all nodes two and a half times as many. */
  readonly pods: number;
  readonly repeats: number;
}

const LIMIT_MS = 1_500;
const PARALLEL = [1, 2, 4, 8];

interface Burst {
  readonly lastMs: number;
  readonly eachMs: readonly number[];
  readonly statusMs: number;
  readonly quietMs: number;
  /** CPU milliseconds by part, until all runs had ended. */
  readonly cpu: ReadonlyMap<string, number>;
}
type Bursts = Record<'attach' | 'detach', Burst[]>;

export async function cniBurstBench(bench: BenchLab, o: BurstOptions): Promise<BenchResult> {
  const { nodes } = bench.lab;
  const [node] = nodes;
  if (node === undefined) throw new Error('the lab has no node');
  await defineBenchNetworks(bench);
  const watched: WatchedPod[] = [];
  const parts = [...podwireParts(nodes), ...BACKENDS];
  for (const part of parts) forgetPeak(bench.podwire, part);
  const figures: Figure[] = [];
  const tables: Table[] = [];
  const checks: Check[] = [];
  try {
    watched.push(...(await watchedPods(bench, node, o.pods)));
    for (const network of NETWORKS) {
      const floor = await bestFloor(bench, node, watched, network, o.repeats);
      tables.push(floor.table);
      const bursts = await repeated(bench, watched, network, o.repeats, checks);
      figures.push(...figuresOf(`${o.pods} pods of ${node.name}, ${network.says}`, bursts, floor));
      tables.push(cpuTable(`${o.pods} pods of ${node.name}, ${network.says}`, parts, bursts));
    }
    const all = await spread(bench, watched, Math.round(o.pods * 2.5));
    const title = `${all.length} pods of ${nodes.length} nodes, ${ADDRESSED.says}`;
    const bursts = await repeated(bench, all, ADDRESSED, o.repeats, checks);
    figures.push(...figuresOf(title, bursts));
    tables.push(cpuTable(title, parts, bursts));
    tables.push({
      title: 'largest resident memory (VmHWM) during all bursts, MiB',
      columns: ['part', 'MiB'],
      rows: parts.map((part) => [part, number(peakMiB(bench.podwire, part))]),
    });
    checks.push(
      ...(await nothingLeft(
        bench,
        watched.map(({ pod }) => pod),
      )),
    );
  } finally {
    await Promise.all(watched.map(({ monitor }) => monitor.close()));
  }
  return {
    bench: 'cni-burst',
    how: `running pods annotated at once, from before the first PATCH until the last link is up / gone, as ip monitor saw it in each netns; ${o.repeats} repeats; floor: the plugin executed directly for the same pods, with the parallelism that did best`,
    ...{ figures, tables, checks },
  };
}

async function watchedPods(bench: BenchLab, node: LabNode, count: number): Promise<WatchedPod[]> {
  bench.say(`cni-burst: ${count} pods on ${node.name}`);
  const names = Array.from({ length: count }, (_, index) => `cni-${node.name}-${index + 1}`);
  const watched: WatchedPod[] = [];
  for (const pod of await ensureBarePods(bench, node, names)) {
    watched.push({ pod, monitor: await LinkMonitor.open(pod.netnsPath) });
  }
  return watched;
}

/** An equal share of each node's pods; those that do not exist yet are made and added to `watched`. */
async function spread(bench: BenchLab, watched: WatchedPod[], count: number): Promise<WatchedPod[]> {
  const { nodes } = bench.lab;
  const chosen: WatchedPod[] = [];
  for (const [index, node] of nodes.entries()) {
    const share = Math.floor((count * (index + 1)) / nodes.length) - Math.floor((count * index) / nodes.length);
    const there = watched.filter(({ pod }) => pod.node === node.name);
    if (there.length < share) {
      await Promise.all(there.map(({ monitor }) => monitor.close()));
      const more = await watchedPods(bench, node, share);
      watched.splice(0, watched.length, ...watched.filter(({ pod }) => pod.node !== node.name), ...more);
    }
    chosen.push(...watched.filter(({ pod }) => pod.node === node.name).slice(0, share));
  }
  return chosen;
}

async function repeated(
  bench: BenchLab,
  watched: readonly WatchedPod[],
  network: BenchNetwork,
  repeats: number,
  checks: Check[],
): Promise<Bursts> {
  const bursts: Bursts = { attach: [], detach: [] };
  const status = await StatusWatch.open(bench);
  try {
    await openConnections(bench);
    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      bursts.attach.push(await burst(bench, watched, status, network));
      const addresses = givenOut(bench, network.name);
      const due = network === ADDRESSED ? watched.length : 0;
      checks.push({
        says: `${network.says}, repeat ${repeat}: ${watched.length} links, ${addresses} addresses`,
        holds: addresses === due,
      });
      bursts.detach.push(await burst(bench, watched, status));
      bench.say(`cni-burst: ${watched.length} pods ${network.says}, repeat ${repeat} of ${repeats}`);
    }
  } finally {
    status.close();
  }
  return bursts;
}

async function burst(
  bench: BenchLab,
  watched: readonly WatchedPod[],
  status: StatusWatch,
  network?: BenchNetwork,
): Promise<Burst> {
  const attach = network !== undefined;
  const parts = [...podwireParts(bench.lab.nodes), ...BACKENDS];
  const seen = watched.map(({ monitor }) => (attach ? monitor.up(LINK) : monitor.gone(LINK)));
  const said = watched.map(({ pod }) => status.says(pod.name, LINK, attach));
  const before = cpuOf(bench.podwire, parts);
  setWallClock();
  const startedAt = wallNow();
  const patched = watched.map(({ pod }) => setCniNetwork(bench, pod, network));
  const [events, statuses] = await Promise.all([Promise.all(seen), Promise.all(said), Promise.all(patched)]);
  const eachMs = events.map(({ at }) => at - startedAt);
  await podsQuiet(
    bench,
    watched.map(({ pod }) => pod),
  );
  const quietMs = wallNow() - startedAt;
  const after = cpuOf(bench.podwire, parts);
  return {
    lastMs: Math.max(...eachMs),
    eachMs,
    statusMs: Math.max(...statuses) - startedAt,
    quietMs,
    cpu: new Map(parts.map((part) => [part, (after.get(part) ?? 0) - (before.get(part) ?? 0)])),
  };
}

interface Floor {
  readonly attach: readonly number[];
  readonly detach: readonly number[];
  readonly table: Table;
}

/** Every parallelism is tried; the best one by its median is the floor, of ADD and of DEL by themselves. */
async function bestFloor(
  bench: BenchLab,
  node: LabNode,
  watched: readonly WatchedPod[],
  network: BenchNetwork,
  repeats: number,
): Promise<Floor> {
  const times: { atOnce: number; attach: number[]; detach: number[] }[] = [];
  for (const atOnce of PARALLEL) {
    const attach: number[] = [];
    const detach: number[] = [];
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      attach.push(await floorOf(node, watched, network, 'ADD', atOnce));
      detach.push(await floorOf(node, watched, network, 'DEL', atOnce));
    }
    times.push({ atOnce, attach, detach });
  }
  bench.say(`cni-burst: the plugin by itself ${network.says}`);
  const best = (kind: 'attach' | 'detach'): readonly number[] =>
    times.map((each) => each[kind]).reduce((a, b) => (sampleOf(b).p50 < sampleOf(a).p50 ? b : a));
  return {
    attach: best('attach'),
    detach: best('detach'),
    table: {
      title: `the plugin executed directly for ${watched.length} pods, ${network.says}: ms until the last link (medians of ${repeats})`,
      columns: ['at once', 'ADD', 'DEL'],
      rows: times.map(({ atOnce, attach, detach }) => [
        String(atOnce),
        number(sampleOf(attach).p50),
        number(sampleOf(detach).p50),
      ]),
    },
  };
}

/** @param floor with it come the bars, which are for forty pods of one node */
function figuresOf(what: string, bursts: Bursts, floor?: Floor): Figure[] {
  return (['attach', 'detach'] as const).flatMap((kind): Figure[] => {
    const last = sampleOf(bursts[kind].map(({ lastMs }) => lastMs));
    const title = `${what}: ${kind}`;
    return [
      {
        what: `${title}, last link`,
        unit: 'ms',
        sample: last,
        ...(floor === undefined
          ? {}
          : { floor: sampleOf(floor[kind]), bars: [bar(`p50 ≤ ${LIMIT_MS}`, last.p50, LIMIT_MS)] }),
      },
      { what: `${title}, every link`, unit: 'ms', sample: sampleOf(bursts[kind].flatMap(({ eachMs }) => eachMs)) },
      { what: `${title}, last status`, unit: 'ms', sample: sampleOf(bursts[kind].map((each) => each.statusMs)) },
      { what: `${title}, runs ended`, unit: 'ms', sample: sampleOf(bursts[kind].map((each) => each.quietMs)) },
    ];
  });
}

function cpuTable(title: string, parts: readonly string[], bursts: Bursts): Table {
  const seconds = (part: string, kind: 'attach' | 'detach'): string =>
    number(sampleOf(bursts[kind].map(({ cpu }) => (cpu.get(part) ?? 0) / 1000)).p50);
  return {
    title: `${title}: CPU seconds of one burst (medians; node workers with their plugins)`,
    columns: ['part', 'attach', 'detach'],
    rows: parts.map((part) => [part, seconds(part, 'attach'), seconds(part, 'detach')]),
  };
}
