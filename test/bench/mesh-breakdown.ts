/** Where the milliseconds of a mesh run go, and what it and its floor cost in CPU time: that is true on a busy machine, too. */
import { readdirSync, readFileSync } from 'node:fs';
import { nodePart, ORCHESTRATOR_PART } from '../../deploy/lab/podwire.ts';
import type { BenchLab } from './bench-lab.ts';
import type { FdbEvent } from './fdb-monitor.ts';
import { pidsOf } from './process-usage.ts';
import { number, type Table } from './report.ts';
import type { Step } from './run-history.ts';
import { sampleOf } from './statistics.ts';

/** Milliseconds from the start of the run. */
export interface MeshPhases {
  readonly nodesListed: number;
  readonly activityScheduled: number;
  /** The last node's. */
  readonly activityStarted: number;
  readonly firstEntry: number;
  readonly lastEntry: number;
}

const ROWS: readonly (readonly [string, keyof MeshPhases])[] = [
  ['nodes with members are listed', 'nodesListed'],
  ['activities are scheduled', 'activityScheduled'],
  ['the last node starts', 'activityStarted'],
  ['first entry', 'firstEntry'],
  ['last entry', 'lastEntry'],
];

export function meshPhases(steps: readonly Step[], events: readonly FdbEvent[]): MeshPhases {
  const start = steps.find(({ kind }) => kind === 'start')?.endedAt ?? Number.NaN;
  const listed = steps.find(({ kind, name }) => kind === 'local' && name === 'listMeshNodes');
  const activities = steps.filter(({ kind }) => kind === 'activity');
  const times = events.map(({ at }) => at);
  return {
    nodesListed: (listed?.endedAt ?? Number.NaN) - start,
    activityScheduled: Math.min(...activities.map(({ scheduledAt }) => scheduledAt)) - start,
    activityStarted: Math.max(...activities.map(({ startedAt }) => startedAt)) - start,
    firstEntry: Math.min(...times) - start,
    lastEntry: Math.max(...times) - start,
  };
}

export function phasesTable(phases: readonly MeshPhases[]): Table {
  return {
    title: 'milliseconds after the start of the mesh run',
    columns: ['', 'p50', 'max'],
    rows: ROWS.map(([says, phase]) => {
      const { p50, max } = sampleOf(phases.map((each) => each[phase]));
      return [says, number(p50), number(max)];
    }),
  };
}

/** CPU milliseconds so far of all node workers with their children, and of the orchestrator; of this process's children. */
export interface CpuTimes {
  readonly nodes: number;
  readonly orchestrator: number;
  readonly here: number;
}

export function cpuTimes({ lab, podwire }: BenchLab): CpuTimes {
  const all = processes();
  return {
    nodes: treesTime(
      all,
      lab.nodes.flatMap(({ name }) => pidsOf(podwire, nodePart(name))),
    ),
    orchestrator: treesTime(all, pidsOf(podwire, ORCHESTRATOR_PART)),
    here: childrenTime(all, process.pid),
  };
}

interface Proc {
  readonly pid: number;
  readonly parent: number;
  readonly ownMs: number;
  /** Of children that ended and were waited for. */
  readonly endedMs: number;
}

/** Clock ticks of proc/PID/stat; 100 a second (USER_HZ). */
const TICK_MS = 10;

function processes(): Proc[] {
  const found: Proc[] = [];
  for (const name of new Set(readProcDir())) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const ticks = (first: number): number => (Number(fields[first - 3]) + Number(fields[first - 2])) * TICK_MS;
      found.push({ pid: Number(name), parent: Number(fields[1]), ownMs: ticks(14), endedMs: ticks(16) });
    } catch {
      // It has ended.
    }
  }
  return found;
}

const readProcDir = (): string[] => readdirSync('/proc').filter((name) => /^\d+$/.test(name));

const treesTime = (all: readonly Proc[], roots: readonly number[]): number =>
  roots.reduce((sum, root) => sum + treeTime(all, root), 0);

function treeTime(all: readonly Proc[], root: number): number {
  const own = all.find(({ pid }) => pid === root);
  if (own === undefined) return Number.NaN;
  const children = all.filter(({ parent }) => parent === root);
  return own.ownMs + own.endedMs + children.reduce((sum, { pid }) => sum + treeTime(all, pid), 0);
}

const childrenTime = (all: readonly Proc[], pid: number): number => all.find((each) => each.pid === pid)?.endedMs ?? 0;
