/** burst: forty running pods of one node get a network at the same moment, and lose it. */
import { floodTargets, linksIn } from '../../deploy/demo/kernel-look.ts';
import type { LabNode } from '../../deploy/lab/lab.ts';
import { ensurePods, openConnections, quiet, setNetworks, type BenchLab } from './bench-lab.ts';
import type { WatchedPod } from './change.ts';
import { LinkMonitor } from './link-monitor.ts';
import { bar, type BenchResult, type Check } from './report.ts';
import { sampleOf } from './statistics.ts';
import { setWallClock, wallNow } from './wall-clock.ts';

const LINK = 'burst0';
const PODS = 40;
const REPEATS = 3;
const LIMIT_MS = 3_000;

const networksOf = (index: number): string => `${LINK} id=7101 up ip=10.73.0.${index + 1}/24`;

export async function burstBench(bench: BenchLab): Promise<BenchResult> {
  const node = bench.lab.nodes[0];
  if (node === undefined) throw new Error('the lab has no node');
  const watched = await burstPods(bench, node);
  try {
    const times: { attach: Burst[]; detach: Burst[] } = { attach: [], detach: [] };
    const checks: Check[] = [];
    await openConnections(bench);
    for (let repeat = 1; repeat <= REPEATS; repeat += 1) {
      times.attach.push(await burst(bench, watched, true));
      checks.push(await meshIsComplete(watched, repeat));
      times.detach.push(await burst(bench, watched, false));
      bench.say(`burst: repeat ${repeat} of ${REPEATS}`);
    }
    const left = (await Promise.all(watched.map(({ pod }) => linksIn(pod.netnsPath)))).flat();
    const vxlan = left.filter((link) => link.kind === 'vxlan').length;
    const attach = sampleOf(times.attach.map(({ lastMs }) => lastMs));
    return {
      bench: 'burst',
      how: `${PODS} running pods of one node annotated at once, from before the first PATCH until the last link is up / gone, as ip monitor saw it in each netns; ${REPEATS} repeats`,
      figures: [
        { what: 'attach, last link', unit: 'ms', sample: attach, bars: [bar('max ≤ 3000', attach.max, LIMIT_MS)] },
        { what: 'attach, every link', unit: 'ms', sample: sampleOf(times.attach.flatMap(({ eachMs }) => eachMs)) },
        { what: 'attach, all PATCHes answered', unit: 'ms', sample: sampleOf(times.attach.map((t) => t.patchedMs)) },
        { what: 'attach, all runs ended', unit: 'ms', sample: sampleOf(times.attach.map((t) => t.quietMs)) },
        { what: 'detach, last link', unit: 'ms', sample: sampleOf(times.detach.map(({ lastMs }) => lastMs)) },
        { what: 'detach, every link', unit: 'ms', sample: sampleOf(times.detach.flatMap(({ eachMs }) => eachMs)) },
      ],
      tables: [],
      checks: [...checks, { says: `no link left (${vxlan})`, holds: vxlan === 0 }],
    };
  } finally {
    await Promise.all(watched.map(({ monitor }) => monitor.close()));
  }
}

/** The pods, made when they are not there, each with a monitor that the caller closes. */
export async function burstPods(bench: BenchLab, node: LabNode): Promise<WatchedPod[]> {
  bench.say(`burst: ${PODS} pods on ${node.name}`);
  const names = Array.from({ length: PODS }, (_, index) => `burst-${index + 1}`);
  const watched: WatchedPod[] = [];
  for (const pod of await ensurePods(bench, node, names)) {
    watched.push({ pod, monitor: await LinkMonitor.open(pod.netnsPath) });
  }
  return watched;
}

interface Burst {
  readonly lastMs: number;
  readonly eachMs: readonly number[];
  readonly patchedMs: number;
  readonly quietMs: number;
}

/** All pods get the network at once, or lose it; returns when all of their runs have ended. */
export async function burst(bench: BenchLab, watched: readonly WatchedPod[], attach: boolean): Promise<Burst> {
  const seen = watched.map(({ monitor }) => (attach ? monitor.up(LINK) : monitor.gone(LINK)));
  setWallClock();
  const startedAt = wallNow();
  const patched = Promise.all(
    watched.map(({ pod }, index) => setNetworks(bench, pod, attach ? networksOf(index) : null)),
  ).then(() => wallNow() - startedAt);
  const [events, patchedMs] = await Promise.all([Promise.all(seen), patched]);
  const eachMs = events.map((event) => event.at - startedAt);
  const pods = watched.map(({ pod }) => pod);
  await quiet(bench, pods, LINK);
  return { lastMs: Math.max(...eachMs), eachMs, patchedMs, quietMs: wallNow() - startedAt };
}

async function meshIsComplete(watched: readonly WatchedPod[], repeat: number): Promise<Check> {
  const targets = await Promise.all(watched.map(({ pod }) => floodTargets(pod.netnsPath, LINK)));
  const complete = targets.filter((found) => new Set(found).size === watched.length - 1).length;
  return {
    says: `repeat ${repeat}: ${complete} of ${watched.length} pods reach the ${watched.length - 1} others`,
    holds: complete === watched.length,
  };
}
