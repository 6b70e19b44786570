/** cni-cycles: a thousand attaches and detaches of one pod, and whether anything grows with them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchLab } from './bench-lab.ts';
import { cniChange } from './cni-change.ts';
import { ADDRESSED, defineBenchNetworks, ensureBarePods, nothingLeft, podsQuiet } from './cni-pods.ts';
import { StatusWatch } from './cni-status-watch.ts';
import { keysByKind, nodeFiles, openFiles, podwireParts } from './cni-usage.ts';
import { LinkMonitor } from './link-monitor.ts';
import { usageOf } from './process-usage.ts';
import { number, type BenchResult, type Check, type Table } from './report.ts';
import { sampleOf } from './statistics.ts';

/** Looks at memory: one before, and one after each equal part of the cycles. */
const PARTS = 12;
/** What is still being freed, published or closed when a run has ended. */
const SETTLE_MS = 5_000;
const WARM_UP = 20;
/** A garbage collector's memory goes up and down: the least of the last third is compared with the least of the second. */
const GROWTH = { share: 0.1, atLeastMiB: 8 };
const MAX_MORE_FILES = 3;

interface Look {
  readonly cycle: number;
  readonly rssMiB: ReadonlyMap<string, number>;
  readonly fds: ReadonlyMap<string, number>;
  readonly files: ReturnType<typeof nodeFiles>;
  readonly keys: ReadonlyMap<string, number>;
}

export async function cniCyclesBench(bench: BenchLab, cycles: number): Promise<BenchResult> {
  const [node] = bench.lab.nodes;
  if (node === undefined) throw new Error('the lab has no node');
  const [pod] = await ensureBarePods(bench, node, ['attach']);
  if (pod === undefined) throw new Error('no pod');
  await defineBenchNetworks(bench);
  const parts = podwireParts([node]);
  const look = async (cycle: number): Promise<Look> => {
    await sleep(SETTLE_MS);
    return {
      cycle,
      rssMiB: new Map(parts.map((part) => [part, usageOf(bench.podwire, part).rssMiB])),
      fds: new Map(parts.map((part) => [part, openFiles(bench.podwire, part)])),
      files: nodeFiles(node),
      keys: await keysByKind(bench.lab),
    };
  };
  const monitor = await LinkMonitor.open(pod.netnsPath);
  const watched = { pod, monitor };
  let status = await StatusWatch.open(bench);
  const attaches: number[] = [];
  const looks: Look[] = [];
  try {
    for (let cycle = 1 - WARM_UP; cycle <= cycles; cycle += 1) {
      for (const network of [ADDRESSED, undefined]) {
        const { ms } = await cniChange(bench, watched, status, network);
        await podsQuiet(bench, [pod]);
        if (cycle > 0 && network !== undefined) attaches.push(ms);
      }
      if (cycle !== 0 && !isEndOfPart(cycle, cycles)) continue;
      looks.push(await look(cycle));
      // The API ends a watch after some minutes.
      status.close();
      status = await StatusWatch.open(bench);
      bench.say(`cni-cycles: ${cycle} of ${cycles} cycles`);
    }
  } finally {
    status.close();
    await monitor.close();
  }
  return {
    bench: 'cni-cycles',
    how: `${cycles} attaches and detaches of one pod (bridge, host-local), one after the other, each until its runs had ended; looks ${SETTLE_MS / 1000} s after the last of them`,
    figures: [{ what: 'attach', unit: 'ms', sample: sampleOf(attaches) }],
    tables: [memoryTable(parts, looks), countsTable(parts, looks)],
    checks: [...growthChecks(parts, looks), ...(await nothingLeft(bench, [pod]))],
  };
}

const isEndOfPart = (cycle: number, cycles: number): boolean =>
  cycle > 0 && Math.floor((cycle * PARTS) / cycles) > Math.floor(((cycle - 1) * PARTS) / cycles);

function memoryTable(parts: readonly string[], looks: readonly Look[]): Table {
  return {
    title: 'resident memory (VmRSS), MiB',
    columns: ['after cycle', ...parts],
    rows: looks.map(({ cycle, rssMiB }) => [String(cycle), ...parts.map((part) => number(rssMiB.get(part) ?? 0))]),
  };
}

interface Counted {
  readonly what: string;
  readonly before: number;
  readonly after: number;
}

function counted(parts: readonly string[], looks: readonly Look[]): Counted[] {
  const first = looks[0] as Look;
  const last = looks.at(-1) as Look;
  const kinds = [...new Set([...first.keys.keys(), ...last.keys.keys()])].sort();
  return [
    ...parts.map((part) => ({
      what: `open files of ${part}`,
      before: first.fds.get(part) ?? 0,
      after: last.fds.get(part) ?? 0,
    })),
    ...(['podwire', 'journal', 'plugins'] as const).map((folder) => ({
      what: `files on the node: ${folder}`,
      before: first.files[folder],
      after: last.files[folder],
    })),
    ...kinds.map((kind) => ({
      what: `etcd keys: ${kind}`,
      before: first.keys.get(kind) ?? 0,
      after: last.keys.get(kind) ?? 0,
    })),
  ];
}

function countsTable(parts: readonly string[], looks: readonly Look[]): Table {
  return {
    title: 'counts',
    columns: ['what', 'before', 'after'],
    rows: counted(parts, looks).map(({ what, before, after }) => [what, String(before), String(after)]),
  };
}

function growthChecks(parts: readonly string[], looks: readonly Look[]): Check[] {
  const third = Math.ceil(looks.length / 3);
  const least = (part: string, some: readonly Look[]): number =>
    Math.min(...some.map(({ rssMiB }) => rssMiB.get(part) ?? 0));
  const memory = parts.map((part) => {
    const middle = least(part, looks.slice(third, -third));
    const end = least(part, looks.slice(-third));
    const limit = Math.max(GROWTH.atLeastMiB, middle * GROWTH.share);
    return {
      says: `${part}: ${number(middle)} MiB in the middle third, ${number(end)} MiB in the last`,
      holds: end - middle <= limit,
    };
  });
  const counts = counted(parts, looks).map(({ what, before, after }) => ({
    says: `${what}: ${before} before, ${after} after`,
    holds: after - before <= (what.startsWith('open files') ? MAX_MORE_FILES : 0),
  }));
  return [...memory, ...counts];
}
