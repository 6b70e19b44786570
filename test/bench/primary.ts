/**
 * podwire as the network of the pods, beside the reference plugins doing the same: an address of the node's subnet on its disk, a pair, routes.
 * One node in a network namespace, no cluster; both are started as a container runtime starts them.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../adapters/process/run.ts';
import { buildPodwire } from '../../deploy/demo/build.ts';
import { builtFile } from '../../deploy/lab/built.ts';
import { cniPluginsDir } from '../../deploy/lab/cni-plugins.ts';
import { allWithLimit } from '../../domain/concurrency/with-limit.ts';
import { executable } from '../cni-server/executable.ts';
import type { TestNetns } from '../kernel/namespace.ts';
import { emptyNetns, startPrimaryNode, type PrimaryNode } from '../kernel/primary-node.ts';
import { usageOfProcess } from './process-usage.ts';
import { bar, type BenchResult, type Figure } from './report.ts';
import { sampleOf } from './statistics.ts';

/** The reference plugins' way is 1, with one third of it given to durability and the way to the worker. */
const RATIO = 1.5;
/** What the kubelet allows a node by default. */
const PODS = 110;
const MEMORY_MIB = 128;
const SUBNET = '10.7.3.0/24';
const WARM_UP = 10;

/** A way to have an address: its program, what it reads, and whose CPU time counts besides the program's. */
interface Way {
  readonly plugin: string;
  readonly config: object;
  readonly worker: () => number | undefined;
}

/** @param cycles ADD and DEL of one pod after the other, both ways in turn */
export async function primaryBench(cycles: number): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-bench-primary-'));
  // What is measured is what is shipped: the compiled worker.
  await buildPodwire();
  const node = await startPrimaryNode([SUBNET], { program: ['--enable-source-maps', builtFile('workers/node.js')] });
  const pod = await emptyNetns();
  try {
    const ways = { podwire: await ofPodwire(node), reference: await ofReference(folder) };
    const warm = await inTurns(node, pod, ways, WARM_UP);
    if (warm.podwire.add.length !== WARM_UP) throw new Error('the warm-up is not whole');
    const { podwire, reference } = await inTurns(node, pod, ways, cycles);
    const [add, floor] = [sampleOf(podwire.add), sampleOf(reference.add)];
    const memory = await full(node, ways.podwire);
    const figures: Figure[] = [
      {
        ...{ what: 'ADD, from the start of the plugin to its result', unit: 'ms', sample: add, floor },
        bars: [bar(`ratio ≤ ${RATIO}`, add.p50 / floor.p50, RATIO)],
      },
      { what: 'DEL', unit: 'ms', sample: sampleOf(podwire.del), floor: sampleOf(reference.del) },
      {
        what: 'CPU of an ADD with its DEL',
        unit: 'ms',
        sample: sampleOf([podwire.cpuMs]),
        floor: sampleOf([reference.cpuMs]),
      },
      { what: `ADD of ${PODS} pods, ${AT_ONCE} at once, each`, unit: 'ms', sample: sampleOf(memory.add) },
      {
        ...{ what: `memory of the node worker with ${PODS} pods`, unit: 'MiB', sample: sampleOf([memory.rssMiB]) },
        bars: [bar(`≤ ${MEMORY_MIB} MiB`, memory.rssMiB, MEMORY_MIB)],
      },
    ];
    return {
      bench: 'primary',
      how: `${cycles} pods one after the other, each way in turn; floor: bridge with host-local and a static route; etcd, Temporal and the API are away`,
      figures,
      tables: [],
      checks: [],
    };
  } finally {
    await pod.remove();
    await node.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const ofPodwire = async (node: PrimaryNode): Promise<Way> => ({
  plugin: await executable(),
  config: {
    cniVersion: '1.0.0',
    name: 'cluster',
    type: 'podwire-cni',
    mode: 'primary',
    socket: node.socket,
    logFile: '',
  },
  worker: () => node.pid(),
});

async function ofReference(folder: string): Promise<Way> {
  const dataDir = join(folder, 'host-local');
  mkdirSync(dataDir);
  const ipam = { type: 'host-local', dataDir, ranges: [[{ subnet: '10.8.3.0/24' }]], routes: [{ dst: '0.0.0.0/0' }] };
  return {
    plugin: join(cniPluginsDir(), 'bridge'),
    config: { cniVersion: '1.0.0', name: 'floor', type: 'bridge', bridge: 'cni0', isGateway: true, ipam },
    worker: () => undefined,
  };
}

interface Taken {
  readonly add: number[];
  readonly del: number[];
  /** Of one pod: the programs' and the worker's. */
  cpuMs: number;
}

async function inTurns<K extends string>(
  node: PrimaryNode,
  pod: TestNetns,
  ways: Readonly<Record<K, Way>>,
  cycles: number,
): Promise<Record<K, Taken>> {
  const all = Object.entries(ways) as [K, Way][];
  const taken = Object.fromEntries(all.map(([name]) => [name, { add: [], del: [], cpuMs: 0 }])) as unknown as Record<
    K,
    Taken
  >;
  for (let cycle = 0; cycle < cycles; cycle += 1)
    for (const [name, way] of all) {
      const before = cpuMs(way);
      taken[name].add.push(await called(node, way, 'ADD', `bench-${cycle}`, pod));
      taken[name].del.push(await called(node, way, 'DEL', `bench-${cycle}`, pod));
      taken[name].cpuMs += (cpuMs(way) - before) / cycles;
    }
  return taken;
}

/** Of the programs that were started and have ended, and of the worker. */
function cpuMs({ worker }: Way): number {
  const pid = worker();
  const { ownMs, childrenMs } = pid === undefined ? { ownMs: 0, childrenMs: 0 } : usageOfProcess(pid);
  return usageOfProcess(process.pid).childrenMs + ownMs + childrenMs;
}

/** @returns milliseconds. @throws Error with the plugin's words */
async function called(
  node: PrimaryNode,
  { plugin, config }: Way,
  command: 'ADD' | 'DEL',
  container: string,
  pod: TestNetns,
): Promise<number> {
  const began = performance.now();
  const result = await run({
    file: '/usr/bin/nsenter',
    args: [`--net=${node.netns.path}`, '--', plugin],
    env: {
      ...{ CNI_COMMAND: command, CNI_CONTAINERID: container, CNI_NETNS: pod.path, CNI_IFNAME: 'eth0' },
      ...{ CNI_PATH: cniPluginsDir(), PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=${container};K8S_POD_UID=${container}`,
    },
    input: JSON.stringify(config),
    timeoutMs: 30_000,
  });
  const took = performance.now() - began;
  if (result.code !== 0) throw new Error(`${plugin} ${command}: ${result.stdout}${result.stderr}`);
  return took;
}

const AT_ONCE = 8;

/** As many pods as a node has, all there at once; they are gone afterwards. */
async function full(node: PrimaryNode, way: Way): Promise<{ add: number[]; rssMiB: number }> {
  const pods = new Map<string, TestNetns>();
  try {
    for (let index = 0; index < PODS; index += 1) pods.set(`full-${index}`, await emptyNetns());
    const add = await allWithLimit([...pods], AT_ONCE, ([name, pod]) => called(node, way, 'ADD', name, pod));
    return { add, rssMiB: usageOfProcess(node.pid()).rssMiB };
  } finally {
    await allWithLimit([...pods], AT_ONCE, async ([name, pod]) => {
      await called(node, way, 'DEL', name, pod);
      await pod.remove();
    });
  }
}
