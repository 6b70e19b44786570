/** cni-attach: one CNI network attached to and detached from a running pod, again and again, with the bridge plugin. */
import type { BenchLab } from './bench-lab.ts';
import { breakdownTable, type Moment } from './breakdown.ts';
import type { WatchedPod } from './change.ts';
import { cniMomentsOf } from './cni-breakdown.ts';
import { cniChange, type CniChange } from './cni-change.ts';
import { pluginFloor, type FloorTimes } from './cni-floor.ts';
import {
  defineBenchNetworks,
  ensureBarePods,
  NETWORKS,
  nothingLeft,
  podsQuiet,
  type BenchNetwork,
} from './cni-pods.ts';
import { StatusWatch } from './cni-status-watch.ts';
import { LinkMonitor } from './link-monitor.ts';
import { bar, type BenchResult, type Figure, type Table } from './report.ts';
import { sampleOf } from './statistics.ts';

const WARM_UP = 10;
const FLOOR_CYCLES = 100;
/** Every tenth cycle is taken apart. */
const EVERY = 10;

interface Series {
  readonly attaches: CniChange[];
  readonly detaches: CniChange[];
  readonly taken: { attach: { change: CniChange; moments: Moment[] }[]; detach: Series['taken']['attach'] };
}

export async function cniAttachBench(bench: BenchLab, cycles: number): Promise<BenchResult> {
  const [node] = bench.lab.nodes;
  if (node === undefined) throw new Error('the lab has no node');
  const [pod] = await ensureBarePods(bench, node, ['attach']);
  if (pod === undefined) throw new Error('no pod');
  await defineBenchNetworks(bench);
  // Its log says when each plugin ran.
  await bench.podwire.tellPlugins(node.name, true);
  const status = await StatusWatch.open(bench);
  const monitor = await LinkMonitor.open(pod.netnsPath);
  const watched = { pod, monitor };
  try {
    const figures: Figure[] = [];
    const tables: Table[] = [];
    for (const network of NETWORKS) {
      const floor = await pluginFloor(node, watched, network, Math.min(cycles, FLOOR_CYCLES));
      const series = await manyCycles(bench, watched, status, network, cycles);
      figures.push(...figuresOf(network, series, floor));
      tables.push(
        breakdownTable(`attach ${network.says}: where the milliseconds go`, series.taken.attach),
        breakdownTable(`detach ${network.says}: where the milliseconds go`, series.taken.detach),
      );
    }
    return {
      bench: 'cni-attach',
      how: `one CNI network (bridge) on a running pod, from before the PATCH until the link is up in / gone from the netns, as ip monitor saw it, and until a watch of the API showed the status; floor: nsenter and the plugin, executed directly`,
      figures,
      tables,
      checks: await nothingLeft(bench, [pod]),
    };
  } finally {
    status.close();
    await monitor.close();
    await bench.podwire.tellPlugins(node.name, false);
  }
}

async function manyCycles(
  bench: BenchLab,
  watched: WatchedPod,
  status: StatusWatch,
  network: BenchNetwork,
  cycles: number,
): Promise<Series> {
  const series: Series = { attaches: [], detaches: [], taken: { attach: [], detach: [] } };
  for (let cycle = -WARM_UP; cycle < cycles; cycle += 1) {
    for (const kind of ['attach', 'detach'] as const) {
      const change = await cniChange(bench, watched, status, kind === 'attach' ? network : undefined);
      await podsQuiet(bench, [watched.pod]);
      if (cycle < 0) continue;
      series[`${kind}es`].push(change);
      if (cycle % EVERY !== 0) continue;
      series.taken[kind].push({ change, moments: await cniMomentsOf(bench, watched.pod, change) });
    }
    if (cycle > 0 && cycle % 50 === 0) bench.say(`cni-attach ${network.says}: ${cycle} of ${cycles} cycles`);
  }
  return series;
}

function figuresOf({ says, name }: BenchNetwork, series: Series, floor: FloorTimes): Figure[] {
  const ofKind = (kind: 'attach' | 'detach'): Figure[] => {
    const changes = series[`${kind}es`];
    const sample = sampleOf(changes.map(({ ms }) => ms));
    const bars = [bar('p50 ≤ 60', sample.p50, 60), bar('p95 ≤ 120', sample.p95, 120)];
    const written = sampleOf(changes.map(({ statusAt, sentAt }) => statusAt - sentAt));
    return [
      {
        what: `${kind} ${says}`,
        unit: 'ms',
        sample,
        floor: sampleOf(floor[`${kind}Ms`]),
        ...(name === NETWORKS[0]?.name ? { bars } : {}),
      },
      { what: `${kind} ${says}, status written`, unit: 'ms', sample: written },
    ];
  };
  return [...ofKind('attach'), ...ofKind('detach')];
}
