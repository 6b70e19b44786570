/** idle: CPU time of a cluster in which nothing happens, and how much of it one more node costs, wherever it is spent. */
import { setTimeout as sleep } from 'node:timers/promises';
import { buildPodwire } from '../../deploy/demo/build.ts';
import { uninstallPodwire } from '../../deploy/lab/installed.ts';
import { stopPart, type Lab } from '../../deploy/lab/lab.ts';
import { partPid } from '../../deploy/lab/parts.ts';
import { nodePart, ORCHESTRATOR_PART, startPodwire, stopPodwire, WATCHER_PART } from '../../deploy/lab/podwire.ts';
import { bareTimer } from './bare-timer.ts';
import { exactCpuMs, usageOfProcess } from './process-usage.ts';
import { standInPolls } from './stand-in-polls.ts';
import { bar, type BenchResult, type Table } from './report.ts';
import type { Site } from './site.ts';
import { sampleOf } from './statistics.ts';

const STORES = ['temporal', 'podwire-etcd'];
const CENTRAL = [ORCHESTRATOR_PART, WATCHER_PART, ...STORES];
/** Start, the minute in which a node worker that has just started looks often, and what V8 compiles when code has run a few times. */
const SETTLE_MS = 100_000;
/** After this the workers' own looks are as seldom as they get. */
const LISTENING_MS = 360_000;
const LIMIT = 0.3;

/** CPU milliseconds a second, by part; those of all nodes together under one name. */
type Rates = ReadonlyMap<string, number>;
const NODES = 'node workers';
const STAND_INS = 200;

/** @param seconds of each of three windows; a multiple of a minute holds every loop equally often */
export async function idleBench({ lab, progress, compared }: Site, seconds: number): Promise<BenchResult> {
  const workers = lab.nodes.map(({ name }) => nodePart(name));
  const window = (title: string, parts: readonly string[]): Promise<Rates> =>
    progress.task(`idle: ${title}, ${seconds} s`, () => ratesOf(lab, parts, workers, seconds));
  await uninstallPodwire(lab);
  await stopPodwire(lab);
  await progress.task('tsc and the workflow bundle', buildPodwire);
  const stores = await window('Temporal and etcd alone', STORES);
  const polls = await progress.task(`idle: what polls cost Temporal, 2 x ${seconds} s`, () => pollShare(lab, seconds));
  await startPodwire(lab, { env: compared });
  await progress.task('idle: until nodes listen', () => sleep(LISTENING_MS));
  const [all, timer] = await Promise.all([window('podwire', [...CENTRAL, ...workers]), bareTimer(seconds)]);
  for (const worker of workers) await stopPart(lab, worker);
  await sleep(SETTLE_MS);
  const central = await window('podwire without node workers', CENTRAL);
  await stopPodwire(lab);

  const own = (all.get(NODES) ?? 0) / workers.length;
  const perNode = own + polls;
  return {
    bench: 'idle',
    how: `no pod asks for a network; windows of ${seconds} s with sweeps as they are by default, the workers ${LISTENING_MS / 1_000} s old; ${workers.length} nodes; a node's share of Temporal is measured with ${STAND_INS} queues that are polled as a node's is; the floor is a bare Node process with a timer of one second`,
    figures: [
      {
        what: 'CPU ms a second of one node: its worker, and its polls of Temporal',
        unit: 'ms',
        sample: sampleOf([perNode]),
        floor: sampleOf([timer]),
        bars: [bar(`≤ ${LIMIT} ms`, perNode, LIMIT)],
      },
      { what: 'of it, the worker', unit: 'ms', sample: sampleOf([own]), floor: sampleOf([timer]) },
      { what: 'of it, Temporal', unit: 'ms', sample: sampleOf([polls]) },
      {
        what: 'CPU ms a second of everything',
        unit: 'ms',
        sample: sampleOf([sum(all)]),
        floor: sampleOf([sum(stores)]),
      },
    ],
    tables: [table({ stores, central, all }, workers.length)],
    checks: [],
  };
}

async function ratesOf(
  lab: Lab,
  parts: readonly string[],
  workers: readonly string[],
  seconds: number,
): Promise<Rates> {
  const look = (): number[] => parts.map((part) => cpuMs(lab, part));
  const [before, startedAt] = [look(), performance.now()];
  await sleep(seconds * 1_000);
  const after = look();
  const took = (performance.now() - startedAt) / 1_000;
  const rates = new Map<string, number>();
  parts.forEach((part, index) => {
    const name = workers.includes(part) ? NODES : part;
    rates.set(name, (rates.get(name) ?? 0) + ((after[index] ?? 0) - (before[index] ?? 0)) / took);
  });
  return rates;
}

/**
 * What one node's polls cost Temporal, in CPU milliseconds a second. The difference that a few nodes make is smaller than Temporal's own noise;
 * that of many queues is not.
 */
async function pollShare(lab: Lab, seconds: number): Promise<number> {
  const rate = async (): Promise<number> => sum(await ratesOf(lab, ['temporal'], [], seconds));
  const without = await rate();
  const polls = await standInPolls(lab, STAND_INS);
  try {
    return ((await rate()) - without) / STAND_INS;
  } finally {
    await polls.end();
  }
}

function cpuMs(lab: Lab, part: string): number {
  const pid = partPid(lab, part);
  if (pid === undefined) throw new Error(`${part} does not run in lab ${lab.name}`);
  return exactCpuMs(pid) + usageOfProcess(pid).childrenMs;
}

const sum = (rates: Rates): number => [...rates.values()].reduce((total, rate) => total + rate, 0);

function table({ stores, central, all }: Readonly<Record<'stores' | 'central' | 'all', Rates>>, nodes: number): Table {
  const cell = (rates: Rates, part: string): string => rates.get(part)?.toFixed(2) ?? '';
  return {
    title: 'CPU ms (user and system) a second',
    columns: ['part', 'stores alone', 'without node workers', `with ${nodes}`, 'of one node'],
    rows: [...CENTRAL, NODES].map((part) => [
      part,
      cell(stores, part),
      cell(central, part),
      cell(all, part),
      (((all.get(part) ?? 0) - (central.get(part) ?? 0)) / nodes).toFixed(2),
    ]),
  };
}
