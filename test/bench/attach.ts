/** attach: one network attached to and detached from a running pod, again and again. */
import { ensurePods, quiet, type BenchLab } from './bench-lab.ts';
import { breakdownTable, momentsOf, type Moment } from './breakdown.ts';
import { change, type Change, type WatchedPod } from './change.ts';
import { floorTimes } from './floor.ts';
import { LinkMonitor } from './link-monitor.ts';
import { linksIn } from '../../deploy/demo/kernel-look.ts';
import { bar, type BenchResult, type Figure } from './report.ts';
import { sampleOf } from './statistics.ts';

const LINK = 'bench0';
const NETWORKS = `${LINK} id=7001 up ip=10.71.0.1/24`;
const WARM_UP = 10;
const FLOOR_CYCLES = 100;
/** Every tenth cycle is taken apart: thirty of three hundred. */
const EVERY = 10;

type Taken = { change: Change; moments: Moment[] };

export async function attachBench(bench: BenchLab, cycles: number): Promise<BenchResult> {
  const [node] = bench.lab.nodes;
  if (node === undefined) throw new Error('the lab has no node');
  const [pod] = await ensurePods(bench, node, ['attach']);
  if (pod === undefined) throw new Error('no pod');
  const monitor = await LinkMonitor.open(pod.netnsPath);
  const watched = { pod, monitor };
  try {
    const floor = await floorTimes(watched, { name: 'byhand0', vni: 7002, address: '10.72.0.1/24' }, FLOOR_CYCLES);
    bench.say(`attach: ${FLOOR_CYCLES} links by hand done`);
    const { attaches, detaches, taken } = await manyCycles(bench, watched, cycles);
    const left = (await linksIn(pod.netnsPath)).filter((link) => link.kind === 'vxlan');
    return {
      bench: 'attach',
      how: `one network on a running pod, from before the PATCH until the link is up in / gone from the netns, as ip monitor saw it; floor: nsenter ip -batch, sysctl, ip -batch by hand`,
      figures: [figure('attach', attaches, floor.attachMs), figure('detach', detaches, floor.detachMs)],
      tables: [
        breakdownTable('attach: where the milliseconds go', taken.attach),
        breakdownTable('detach: where the milliseconds go', taken.detach),
      ],
      checks: [
        { says: `${attaches.length} of ${cycles} attaches seen`, holds: attaches.length === cycles },
        { says: `${detaches.length} of ${cycles} detaches seen`, holds: detaches.length === cycles },
        { says: `no link left (${left.map(({ name }) => name).join(' ') || 'none'})`, holds: left.length === 0 },
      ],
    };
  } finally {
    await monitor.close();
  }
}

async function manyCycles(bench: BenchLab, watched: WatchedPod, cycles: number) {
  const attaches: number[] = [];
  const detaches: number[] = [];
  const taken: { attach: Taken[]; detach: Taken[] } = { attach: [], detach: [] };
  for (let cycle = -WARM_UP; cycle < cycles; cycle += 1) {
    for (const networks of [NETWORKS, undefined]) {
      const seen = await change(bench, watched, LINK, networks);
      await quiet(bench, [watched.pod], LINK);
      if (cycle < 0) continue;
      (networks === undefined ? detaches : attaches).push(seen.ms);
      if (cycle % EVERY !== 0) continue;
      const moments = await momentsOf(bench, watched.pod, seen);
      taken[networks === undefined ? 'detach' : 'attach'].push({ change: seen, moments });
    }
    if (cycle > 0 && cycle % 50 === 0) bench.say(`attach: ${cycle} of ${cycles} cycles`);
  }
  return { attaches, detaches, taken };
}

function figure(what: string, values: readonly number[], floor: readonly number[]): Figure {
  const sample = sampleOf(values);
  return {
    what,
    unit: 'ms',
    sample,
    floor: sampleOf(floor),
    bars: [bar('p50 ≤ 100', sample.p50, 100), bar('p95 ≤ 200', sample.p95, 200)],
  };
}
