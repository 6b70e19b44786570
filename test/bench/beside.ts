/** pods: the same changes by pods from the manifests, by pods of the evaluation and by processes of the host, in turns on one lab. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabNode } from '../../deploy/lab/lab.ts';
import { ensurePods, openBenchLab, openConnections, quiet, type BenchLab } from './bench-lab.ts';
import { burst, burstPods } from './burst.ts';
import { change } from './change.ts';
import { cniChange } from './cni-change.ts';
import { defineBenchNetworks, ensureBarePods, NETWORKS as CNI_NETWORKS, nothingLeft, podsQuiet } from './cni-pods.ts';
import { StatusWatch } from './cni-status-watch.ts';
import { cpuOf, forgetPeak, peakMiB, podwireParts } from './cni-usage.ts';
import { LinkMonitor } from './link-monitor.ts';
import { comparedLine } from './compared-settings.ts';
import { measuredPodwire, type Way } from './measured-podwire.ts';
import { partName, usageOf } from './process-usage.ts';
import { bar, number, type BenchResult, type Check, type Figure, type Table } from './report.ts';
import type { Site } from './site.ts';
import { sampleOf } from './statistics.ts';

export interface BesideOptions {
  /** Of each change in each turn. */
  readonly cycles: number;
  /** Turns of each way. */
  readonly rounds: number;
}

const LINK = 'bench0';
const NETWORKS = `${LINK} id=7001 up ip=10.71.0.1/24`;
const WARM_UP = 10;
/** In each turn; one before them is not counted. */
const BURSTS = 3;
const SETTLE_MS = 5_000;
/** How much slower pods may be than processes of the host. */
const ALLOWED = 1.2;
const BACKENDS = ['temporal', 'podwire-etcd'];

const MEASURED = [
  'VXLAN attach',
  'VXLAN detach',
  'CNI attach',
  'CNI attach, status written',
  'CNI detach',
  'burst of 40, attach: last link',
  'burst of 40, detach: last link',
] as const;
type Measured = (typeof MEASURED)[number];
type Times = Record<Measured, number[]>;

interface Memory {
  /** With the number of replicas. */
  readonly name: string;
  readonly rssMiB: number[];
  readonly peakMiB: number[];
}

interface Seen {
  readonly times: Times;
  /** CPU milliseconds of each counted burst, attach and detach until all runs had ended, by part. */
  readonly burstCpu: Map<string, number[]>;
  /** By part. */
  readonly memory: Map<string, Memory>;
}

const COMPARED = ['host', 'manifests', 'evaluation'] as const satisfies readonly Way[];

export async function besideBench(site: Site, o: BesideOptions): Promise<BenchResult> {
  const seen = new Map(
    COMPARED.map((way): [Way, Seen] => [way, { times: noTimes(), burstCpu: new Map(), memory: new Map() }]),
  );
  const checks: Check[] = [];
  for (let round = 0; round < o.rounds; round += 1) {
    // The machine's mood changes within minutes: each round begins with another way.
    const order = COMPARED.map((_, index) => COMPARED[(index + round) % COMPARED.length] as Way);
    for (const way of order) {
      site.progress.stage(`pods: round ${round + 1} of ${o.rounds}, ${way}`);
      checks.push(...(await oneTurn(site, way, o.cycles, seen.get(way) as Seen)));
    }
  }
  return {
    bench: 'pods',
    how:
      `in ${o.rounds} rounds, each way in turn: ${o.cycles} attaches and detaches of one network on one running pod, by VXLAN and by the bridge plugin, ` +
      `and ${BURSTS} bursts of 40 pods of one node, from before the PATCH until the link is up / gone, as ip monitor saw it; ` +
      `host: processes of this machine, one orchestrator; manifests: pods, ${site.orchestrators ?? 'two'} orchestrator(s), the same Temporal and etcd; evaluation: Temporal and etcd are pods, too`,
    figures: figuresOf(seen),
    tables: [comparison(seen), cpuTable(seen), memoryTable(seen)],
    checks,
  };
}

const noTimes = (): Times => Object.fromEntries(MEASURED.map((what): [string, number[]] => [what, []])) as Times;

async function oneTurn(site: Site, way: Way, cycles: number, seen: Seen): Promise<Check[]> {
  const podwire = measuredPodwire(way, site);
  await site.progress.task(`podwire, ${way}`, () => podwire.start());
  site.progress.line(comparedLine(podwire));
  const bench = openBenchLab(podwire, (line) => site.progress.line(line));
  try {
    const [node] = bench.lab.nodes;
    if (node === undefined) throw new Error('the lab has no node');
    const parts = partsOf(bench);
    for (const part of parts) forgetPeak(podwire, part);
    await single(bench, node, cycles, seen.times);
    await bursts(bench, node, seen);
    await sleep(SETTLE_MS);
    for (const part of parts) remember(bench, part, seen.memory);
    const pods = await ensurePods(bench, node, ['attach']);
    return (await nothingLeft(bench, pods)).map(({ says, holds }) => ({ says: `${way}: ${says}`, holds }));
  } finally {
    await bench.close();
    await podwire.end();
  }
}

const partsOf = ({ lab }: BenchLab): string[] => [...podwireParts(lab.nodes), ...BACKENDS];

/** One pod, one change at a time, each until its runs have ended. */
async function single(bench: BenchLab, node: LabNode, cycles: number, times: Times): Promise<void> {
  const [pod] = await ensureBarePods(bench, node, ['attach']);
  const [network] = CNI_NETWORKS;
  if (pod === undefined || network === undefined) throw new Error('no pod, or no network');
  await defineBenchNetworks(bench);
  const monitor = await LinkMonitor.open(pod.netnsPath);
  const status = await StatusWatch.open(bench);
  const watched = { pod, monitor };
  try {
    for (let cycle = -WARM_UP; cycle < cycles; cycle += 1) {
      const take = (what: Measured, ms: number): void => void (cycle >= 0 && times[what].push(ms));
      take('VXLAN attach', (await change(bench, watched, LINK, NETWORKS)).ms);
      await quiet(bench, [pod], LINK);
      take('VXLAN detach', (await change(bench, watched, LINK)).ms);
      await quiet(bench, [pod], LINK);
      const attached = await cniChange(bench, watched, status, network);
      take('CNI attach', attached.ms);
      take('CNI attach, status written', attached.statusAt - attached.sentAt);
      await podsQuiet(bench, [pod]);
      take('CNI detach', (await cniChange(bench, watched, status)).ms);
      await podsQuiet(bench, [pod]);
    }
  } finally {
    status.close();
    await monitor.close();
  }
}

async function bursts(bench: BenchLab, node: LabNode, { times, burstCpu }: Seen): Promise<void> {
  const watched = await burstPods(bench, node);
  try {
    await openConnections(bench);
    for (let repeat = 0; repeat <= BURSTS; repeat += 1) {
      const before = cpuOf(bench.podwire, partsOf(bench));
      const attach = await burst(bench, watched, true);
      const detach = await burst(bench, watched, false);
      if (repeat === 0) continue;
      const after = cpuOf(bench.podwire, partsOf(bench));
      for (const [part, ms] of after) {
        const known = burstCpu.get(part) ?? [];
        burstCpu.set(part, [...known, ms - (before.get(part) ?? 0)]);
      }
      times['burst of 40, attach: last link'].push(attach.lastMs);
      times['burst of 40, detach: last link'].push(detach.lastMs);
    }
  } finally {
    await Promise.all(watched.map(({ monitor }) => monitor.close()));
  }
}

function remember({ podwire }: BenchLab, part: string, memory: Map<string, Memory>): void {
  const known = memory.get(part) ?? { name: partName(podwire, part), rssMiB: [], peakMiB: [] };
  known.rssMiB.push(usageOf(podwire, part).rssMiB);
  known.peakMiB.push(peakMiB(podwire, part));
  memory.set(part, known);
}

const of = (seen: ReadonlyMap<Way, Seen>, way: Way): Seen => seen.get(way) as Seen;

/** Each way of pods, with the host's processes as its floor. */
function figuresOf(seen: ReadonlyMap<Way, Seen>): Figure[] {
  return MEASURED.flatMap((what) =>
    COMPARED.filter((way) => way !== 'host').map((way): Figure => {
      const [sample, floor] = [sampleOf(of(seen, way).times[what]), sampleOf(of(seen, 'host').times[what])];
      return {
        what: `${what}, ${way}`,
        ...{ unit: 'ms', sample, floor },
        bars: [
          bar(`p50 ≤ ${ALLOWED} × host`, sample.p50, ALLOWED * floor.p50),
          bar(`p95 ≤ ${ALLOWED} × host`, sample.p95, ALLOWED * floor.p95),
        ],
      };
    }),
  );
}

function comparison(seen: ReadonlyMap<Way, Seen>): Table {
  const [host, ...pods] = COMPARED;
  return {
    title: 'side by side, ms; × is the ratio to the host',
    columns: ['', `${host} p50`, 'p95', ...pods.flatMap((way) => [`${way} p50`, '×', 'p95', '×'])],
    rows: MEASURED.map((what) => {
      const base = sampleOf(of(seen, host).times[what]);
      const cells = pods.flatMap((way) => {
        const { p50, p95 } = sampleOf(of(seen, way).times[what]);
        return [number(p50), (p50 / base.p50).toFixed(2), number(p95), (p95 / base.p95).toFixed(2)];
      });
      return [what, number(base.p50), number(base.p95), ...cells];
    }),
  };
}

/** Other work on the machine changes it less than times. */
function cpuTable(seen: ReadonlyMap<Way, Seen>): Table {
  const [host, ...pods] = COMPARED;
  const parts = [...of(seen, host).burstCpu.keys()];
  const spent = (way: Way, some: readonly string[]): number =>
    some.reduce((sum, part) => sum + sampleOf(of(seen, way).burstCpu.get(part) ?? []).p50 / 1_000, 0);
  const row = (what: string, some: readonly string[]): string[] => {
    const base = spent(host, some);
    const cells = pods.flatMap((way) => [spent(way, some).toFixed(2), (spent(way, some) / base).toFixed(2)]);
    return [what, base.toFixed(2), ...cells];
  };
  return {
    title: 'CPU seconds of one burst, attach and detach (medians)',
    columns: ['part', host, ...pods.flatMap((way) => [way, '×'])],
    rows: [...parts.map((part) => row(part, [part])), row('all', parts)],
  };
}

function memoryTable(seen: ReadonlyMap<Way, Seen>): Table {
  const parts = [...of(seen, 'host').memory.keys()];
  return {
    title:
      'resident memory, MiB: at the end of a turn (VmRSS) and its peak in it (VmHWM), the largest of all rounds; of all replicas together',
    columns: ['part', ...COMPARED.flatMap((way) => [way, 'peak'])],
    rows: parts.map((part) => {
      const names = new Set(COMPARED.map((way) => of(seen, way).memory.get(part)?.name ?? part));
      const cells = COMPARED.flatMap((way) => {
        const { rssMiB = [], peakMiB: peaks = [] } = of(seen, way).memory.get(part) ?? {};
        return [number(Math.max(...rssMiB)), number(Math.max(...peaks))];
      });
      return [[...names].join(' / '), ...cells];
    }),
  };
}
