/** cold-plug: what podwire's plugin at the end of the node's chain adds to the start of a pod, by what the plugin says of its own calls. */
import { readFileSync, rmSync } from 'node:fs';
import { run } from '../../adapters/process/run.ts';
import { apply, declareNetworks, podManifest, waitRunning } from '../../deploy/demo/cluster.ts';
import { builtFile } from '../../deploy/lab/built.ts';
import { chainPodwire, unchainPodwire } from '../../deploy/lab/chained.ts';
import { pathOnHost, type LabNode } from '../../deploy/lab/lab.ts';
import { deletePods } from '../lab/harness.ts';
import { NAMESPACE, type BenchLab } from './bench-lab.ts';
import { bar, type BenchResult, type Figure } from './report.ts';
import { sampleOf, type Sample } from './statistics.ts';

/** The plugin's default. */
const LOG = '/var/log/podwire-cni.log';
const WITHOUT_MS = 10;
const WITH_TWO_MS = 100;
const NETWORKS = { benchcold1: 'id=4991 up', benchcold2: 'id=4992 up' };
const WARM_UP = 2;

/** @param pods of each kind, one after the other */
export async function coldPlugBench(bench: BenchLab, pods: number): Promise<BenchResult> {
  const { lab } = bench;
  const [node] = lab.nodes;
  if (node === undefined) throw new Error('the lab has no node');
  const log = pathOnHost(lab, node.name, LOG);
  await declareNetworks(lab, NETWORKS);
  await chainPodwire(lab, node);
  try {
    rmSync(log, { force: true });
    const figures: Figure[] = [
      figure(
        'a pod without networks',
        await timesOf(bench, node, log, pods, undefined),
        await startOfPlugin(pods),
        WITHOUT_MS,
      ),
      figure(
        'a pod with two VXLAN networks',
        await timesOf(bench, node, log, pods, Object.keys(NETWORKS).join(', ')),
        undefined,
        WITH_TWO_MS,
      ),
    ];
    return {
      bench: 'cold-plug',
      how: `${pods} pods of each kind on one node, one after the other; from the start of podwire's plugin to its result, as its log says; floor: the plugin without a question to anybody (VERSION)`,
      figures,
      tables: [],
      checks: [],
    };
  } finally {
    await unchainPodwire(lab, node);
  }
}

const figure = (what: string, sample: Sample, floor: Sample | undefined, limitMs: number): Figure => ({
  ...{ what: `added to the start of ${what}`, unit: 'ms', sample },
  ...(floor === undefined ? {} : { floor }),
  bars: [bar(`p50 ≤ ${limitMs} ms`, sample.p50, limitMs)],
});

/** Milliseconds of each ADD but those of the warm-up. */
async function timesOf(
  { lab }: BenchLab,
  node: LabNode,
  log: string,
  pods: number,
  networks: string | undefined,
): Promise<Sample> {
  const times: number[] = [];
  for (let index = 0; index < pods + WARM_UP; index += 1) {
    const pod = { namespace: NAMESPACE, name: `cold-${networks === undefined ? 'bare' : 'two'}-${index}` };
    const asks = networks === undefined ? { label: false } : { networks };
    const seen = addsIn(log).length;
    await apply(lab, [podManifest(pod, { node: node.name, image: lab.testImage, ...asks })]);
    await waitRunning(lab, [pod]);
    const [ms, ...others] = addsIn(log).slice(seen);
    if (ms === undefined || others.length > 0) throw new Error(`${pod.name}: ${others.length + 1} calls in ${log}`);
    if (index >= WARM_UP) times.push(ms);
    await deletePods(lab, [pod]);
  }
  return sampleOf(times);
}

interface LogLine {
  readonly command?: string;
  readonly code?: number;
  readonly ms?: number;
}

function addsIn(log: string): number[] {
  let text: string;
  try {
    text = readFileSync(log, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const lines = text.split('\n').filter((line) => line !== '');
  return lines
    .map((line) => JSON.parse(line) as LogLine)
    .flatMap(({ command, code, ms }) => (command === 'ADD' && code === 0 && ms !== undefined ? [ms] : []));
}

async function startOfPlugin(times: number): Promise<Sample> {
  const taken: number[] = [];
  for (let index = 0; index < times; index += 1) {
    const began = performance.now();
    await run({
      ...{ file: builtFile('cni/podwire-cni'), args: [], env: { CNI_COMMAND: 'VERSION', PATH: '/usr/bin:/bin' } },
      ...{ input: '{"cniVersion":"1.0.0"}', timeoutMs: 10_000 },
    });
    taken.push(performance.now() - began);
  }
  return sampleOf(taken);
}
