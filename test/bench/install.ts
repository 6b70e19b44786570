/** install: how long somebody waits who installs podwire, updates it, or changes its sources. */
import { apply, NETWORKS_ANNOTATION, podManifest, waitRunning } from '../../deploy/demo/cluster.ts';
import { ensurePodwireImages } from '../../deploy/lab/image-build.ts';
import { importPodwireImages } from '../../deploy/lab/image-import.ts';
import {
  deleteInstallation,
  inSystem,
  installPodwire,
  provideImages,
  uninstallPodwire,
} from '../../deploy/lab/installed.ts';
import { kubectl, labDown, labUp, podNetnsPath, type Lab } from '../../deploy/lab/lab.ts';
import { stopPodwire } from '../../deploy/lab/podwire.ts';
import { NAMESPACE } from './bench-lab.ts';
import { changedSources } from './changed-sources.ts';
import { LinkMonitor } from './link-monitor.ts';
import { bar, type BenchResult, type Check, type Figure } from './report.ts';
import type { Site } from './site.ts';
import { sampleOf } from './statistics.ts';
import { emptyVolumes } from './volumes.ts';
import { setWallClock, wallNow } from './wall-clock.ts';

const NODES = 3;
const LINK = 'first0';
const NETWORKS = `${LINK} id=7401 up ip=10.77.0.1/24`;
const LIMITS = { rebuild: 30, unchanged: 1, import: 20, warmUp: 90, firstAttach: 90, rollout: 30 };
const FIRST_LIMIT_MS = 300_000;
const ROLLOUT_LIMIT_MS = 180_000;

export async function installBench(site: Site, repeats: number): Promise<BenchResult> {
  const { lab } = site;
  await stopPodwire(lab);
  await uninstallPodwire(lab);
  const { nodes } = lab;
  const figures = await imageFigures(site, repeats);
  figures.push(...(await labFigures(site)));
  const firsts: First[] = [];
  await provideImages(lab, 'evaluation', site.progress);
  for (let repeat = 1; repeat <= repeats; repeat += 1) {
    firsts.push(await firstAttach(site, repeat));
    if (repeat < repeats) await deleteInstallation(lab);
  }
  const rollouts: number[] = [];
  for (let repeat = 1; repeat <= repeats; repeat += 1) rollouts.push(await rollout(site));
  const checks: Check[] = [
    { says: `the lab has ${nodes.length} nodes; bars are for ${NODES}`, holds: nodes.length === NODES },
  ];
  return {
    bench: 'install',
    how: 'seconds that a person waits; images of podwire are built beforehand unless said otherwise',
    figures: [
      ...figures,
      seconds(
        'apply -k evaluation → link of a pod that waited',
        firsts.map(({ linkMs }) => linkMs),
        LIMITS.firstAttach,
      ),
      seconds(
        'apply -k evaluation → every pod ready',
        firsts.map(({ readyMs }) => readyMs),
      ),
      seconds(`update of the node workers, ${nodes.length} nodes, one after the other`, rollouts, LIMITS.rollout),
    ],
    tables: [],
    checks,
  };
}

function seconds(what: string, values: readonly number[], limit?: number): Figure {
  const sample = sampleOf(values.map((ms) => ms / 1_000));
  const bars = limit === undefined ? {} : { bars: [bar(`max ≤ ${limit} s`, sample.max, limit)] };
  return { what, unit: 's', sample, ...bars };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** Images of changed sources, of unchanged ones, and their way into nodes that have the images of before. */
async function imageFigures({ lab, progress }: Site, repeats: number): Promise<Figure[]> {
  const own = await ensurePodwireImages(progress);
  const importAll = async (archives: typeof own.archives): Promise<number> =>
    timed(() => Promise.all(lab.nodes.map((node) => importPodwireImages(node.criSocket, archives))));
  await importAll(own.archives);
  const times: Record<'rebuild' | 'unchanged' | 'import', number[]> = { rebuild: [], unchanged: [], import: [] };
  for (let repeat = 1; repeat <= repeats; repeat += 1)
    times.unchanged.push(await timed(() => ensurePodwireImages(progress)));
  const sources = changedSources();
  try {
    const { root } = sources;
    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      sources.change(repeat);
      times.rebuild.push(await timed(() => ensurePodwireImages(progress, { root })));
      times.import.push(await importAll((await ensurePodwireImages(progress, { root })).archives));
      progress.line(`install: changed sources, ${repeat} of ${repeats}`);
    }
  } finally {
    sources.remove();
  }
  // Those of this checkout may have been dropped as the oldest, and the nodes have the changed ones.
  await importAll((await ensurePodwireImages(progress)).archives);
  return [
    seconds('images after a change of a source', times.rebuild, LIMITS.rebuild),
    seconds('images of unchanged sources', times.unchanged, LIMITS.unchanged),
    seconds(`changed images into ${lab.nodes.length} nodes at once`, times.import, LIMITS.import),
  ];
}

/** Another lab, from nothing to podwire's pods ready; what it is made of is on the machine. */
async function labFigures({ lab, progress }: Site): Promise<Figure[]> {
  const name = `${lab.name}-up`;
  let up: Lab | undefined;
  try {
    const clusterMs = await timed(async () => (up = await labUp({ name, nodes: NODES, progress })));
    const made = up;
    if (made === undefined) throw new Error(`lab ${name} is not up`);
    const imagesMs = await timed(() => provideImages(made, 'existing', progress));
    const podwireMs = await timed(() => installPodwire(made, { overlay: 'existing', settings: {} }));
    return [
      seconds(`lab up with podwire ready, ${NODES} nodes`, [clusterMs + imagesMs + podwireMs], LIMITS.warmUp),
      seconds('of it: the cluster', [clusterMs]),
      seconds('of it: images into nodes that have none of them', [imagesMs]),
      seconds('of it: apply and every pod ready', [podwireMs]),
    ];
  } finally {
    await labDown({ name, progress });
  }
}

interface First {
  readonly linkMs: number;
  readonly readyMs: number;
}

/** Into a cluster without podwire, with empty volumes, where a pod waits for its network. */
async function firstAttach({ lab, progress }: Site, repeat: number): Promise<First> {
  await emptyVolumes(lab);
  const node = lab.nodes[0]?.name ?? '';
  const pod = { namespace: NAMESPACE, name: `first-${repeat}` };
  await apply(lab, [podManifest(pod, { node, networks: NETWORKS, image: lab.testImage })]);
  await waitRunning(lab, [pod]);
  const monitor = await LinkMonitor.open(await podNetnsPath(lab, pod));
  try {
    const seen = monitor.next(`${LINK} up`, ({ name, up, deleted }) => name === LINK && up && !deleted, FIRST_LIMIT_MS);
    setWallClock();
    const startedAt = wallNow();
    const ready = installPodwire(lab, { overlay: 'evaluation', settings: {} }).then(wallNow);
    const [{ at }, readyAt] = await Promise.all([seen, ready]);
    progress.line(`install: first attach ${repeat} after ${((at - startedAt) / 1_000).toFixed(1)} s`);
    return { linkMs: at - startedAt, readyMs: readyAt - startedAt };
  } finally {
    await monitor.close();
    // Without its annotation nothing of it is left in the network's records when podwire is taken away.
    await kubectl(lab, ['-n', NAMESPACE, 'annotate', 'pod', pod.name, `${NETWORKS_ANNOTATION}-`]);
    await kubectl(lab, ['-n', NAMESPACE, 'delete', 'pod', pod.name, '--grace-period=1', '--timeout=60s'], {
      timeoutMs: 70_000,
    });
  }
}

async function rollout({ lab }: Site): Promise<number> {
  const workers = 'daemonset/podwire-node';
  return timed(async () => {
    await inSystem(lab, ['rollout', 'restart', workers]);
    await inSystem(lab, ['rollout', 'status', workers, `--timeout=${ROLLOUT_LIMIT_MS / 1_000}s`], {
      timeoutMs: ROLLOUT_LIMIT_MS + 10_000,
    });
  });
}
