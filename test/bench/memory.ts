/** memory: what podwire's processes hold when idle and after many attaches, and the CPU time that an attach costs in each part. */
import { setTimeout as sleep } from 'node:timers/promises';
import { nodePart, ORCHESTRATOR_PART, WATCHER_PART } from '../../deploy/lab/podwire.ts';
import { linksIn } from '../../deploy/demo/kernel-look.ts';
import { ensurePods, quiet, type BenchLab } from './bench-lab.ts';
import { change } from './change.ts';
import { LinkMonitor } from './link-monitor.ts';
import { usageOf, type Usage } from './process-usage.ts';
import { number, type BenchResult, type Table } from './report.ts';
import { sampleOf } from './statistics.ts';

const LINK = 'mem0';
const NETWORKS = `${LINK} id=7201 up ip=10.74.0.1/24`;
const SETTLE_MS = 8_000;
const IDLE_MS = 10_000;

type Usages = ReadonlyMap<string, Usage>;
interface Cost {
  attachMs: number;
  detachMs: number;
}

export async function memoryBench(bench: BenchLab, cycles: number): Promise<BenchResult> {
  const { podwire } = bench;
  const node = bench.lab.nodes[0];
  if (node === undefined) throw new Error('the lab has no node');
  const own = [WATCHER_PART, ORCHESTRATOR_PART, nodePart(node.name)];
  const parts = [...own, 'temporal', 'podwire-etcd', 'kube-apiserver', 'etcd'];
  const look = (): Usages => new Map(parts.map((part) => [part, usageOf(podwire, part)]));

  const [pod] = await ensurePods(bench, node, ['attach']);
  if (pod === undefined) throw new Error('no pod');
  await podwire.restart();
  await sleep(SETTLE_MS);
  const idle = look();
  const idleSince = performance.now();
  await sleep(IDLE_MS);
  const idleEnd = look();
  const idleMs = performance.now() - idleSince;
  bench.say('memory: idle measured');

  const monitor = await LinkMonitor.open(pod.netnsPath);
  const watched = { pod, monitor };
  const costs = new Map(parts.map((part): [string, Cost] => [part, { attachMs: 0, detachMs: 0 }]));
  const took: Cost = { attachMs: 0, detachMs: 0 };
  let seen = 0;
  try {
    let before = look();
    for (let cycle = 1; cycle <= cycles; cycle += 1) {
      for (const kind of ['attachMs', 'detachMs'] as const) {
        const startedAt = performance.now();
        await change(bench, watched, LINK, kind === 'attachMs' ? NETWORKS : undefined);
        await quiet(bench, [pod], LINK);
        took[kind] += performance.now() - startedAt;
        const after = look();
        for (const [part, cost] of costs) cost[kind] += cpu(after, part) - cpu(before, part);
        before = after;
      }
      seen += 1;
      if (cycle % 100 === 0) bench.say(`memory: ${cycle} of ${cycles} cycles`);
    }
  } finally {
    await monitor.close();
  }
  const end = look();
  const left = (await linksIn(pod.netnsPath)).filter((link) => link.kind === 'vxlan').length;
  const idleShare = (part: string): number => (cpu(idleEnd, part) - cpu(idle, part)) / idleMs;
  return {
    bench: 'memory',
    how: `podwire started anew, ${SETTLE_MS / 1000} s later idle, then ${cycles} attaches and detaches one after the other, each until its runs had ended`,
    figures: own.map((part) => ({ what: `${part} after`, unit: 'MiB' as const, sample: sampleOf([rss(end, part)]) })),
    tables: [
      memoryTable(parts, idle, end, cycles),
      cpuTable(parts, costs, { cycles, took, idleShare, children: childrenPerCycle(idleEnd, end, cycles) }),
    ],
    checks: [
      { says: `${seen} of ${cycles} attaches and detaches seen`, holds: seen === cycles },
      { says: `no link left (${left})`, holds: left === 0 },
    ],
  };
}

const cpu = (usages: Usages, part: string): number => {
  const usage = usages.get(part);
  return usage === undefined ? 0 : usage.ownMs + usage.childrenMs;
};
const rss = (usages: Usages, part: string): number => usages.get(part)?.rssMiB ?? 0;

const childrenPerCycle =
  (before: Usages, after: Usages, cycles: number) =>
  (part: string): number =>
    ((after.get(part)?.childrenMs ?? 0) - (before.get(part)?.childrenMs ?? 0)) / cycles;

function memoryTable(parts: readonly string[], idle: Usages, end: Usages, cycles: number): Table {
  return {
    title: 'resident memory (VmRSS), MiB',
    columns: ['part', 'idle', `after ${cycles} attaches and detaches`],
    rows: parts.map((part) => [part, number(rss(idle, part)), number(rss(end, part))]),
  };
}

interface CpuFacts {
  readonly cycles: number;
  readonly took: Cost;
  /** CPU milliseconds a millisecond when nothing happens. */
  readonly idleShare: (part: string) => number;
  readonly children: (part: string) => number;
}

function cpuTable(parts: readonly string[], costs: ReadonlyMap<string, Cost>, facts: CpuFacts): Table {
  const { cycles, took, idleShare, children } = facts;
  return {
    title: 'CPU ms (user and system), what the part uses when idle taken off; the node worker with its children',
    columns: ['part', 'per attach', 'per detach', 'of a cycle: child processes', 'idle, ms a second'],
    rows: parts.map((part) => {
      const cost = costs.get(part) ?? { attachMs: 0, detachMs: 0 };
      const net = (kind: keyof Cost): number => (cost[kind] - took[kind] * idleShare(part)) / cycles;
      const cells = [net('attachMs'), net('detachMs'), children(part), idleShare(part) * 1000];
      return [part, ...cells.map(number)];
    }),
  };
}
