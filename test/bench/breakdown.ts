/** Where the milliseconds go: moments of a change, in order, each with what lies between it and the one before. */
import { WATCHER_PART } from '../../deploy/lab/podwire.ts';
import type { BenchLab, BenchPod } from './bench-lab.ts';
import { runOfPod } from './bench-lab.ts';
import type { Change } from './change.ts';
import { number, type Table } from './report.ts';
import { newestRun, runSteps, type Step } from './run-history.ts';
import { median, sampleOf } from './statistics.ts';

export interface Moment {
  /** What happened since the moment before. */
  readonly since: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Moments of a change whose run has ended; the watcher logs at `debug`, or its moments are missing. */
export async function momentsOf(bench: BenchLab, pod: BenchPod, change: Change): Promise<Moment[]> {
  const id = runOfPod(pod);
  const steps = await runSteps(bench, id, await newestRun(bench, id));
  const tasks = steps.filter((step) => step.kind === 'workflow-task');
  const moments: Moment[] = [
    ...watcherMoments(bench, pod, change),
    ...steps
      .filter((step) => step.kind === 'start')
      .map(({ endedAt: at }) => moment('signalWithStart: run started', at)),
    ...steps.flatMap(stepMoments),
    moment('node: CRI, etcd, open netns, look at it', change.firstEventAt),
    moment(change.seen.deleted ? 'kernel: link removed' : 'kernel: fill FDB, accept_ra, address, up', change.seen.at),
  ];
  const last = tasks.at(-1);
  if (last !== undefined) moments.push(moment('last step, run ends', last.endedAt));
  return moments.sort((a, b) => a.at - b.at);
}

export function stepMoments(step: Step, _index: number, steps: readonly Step[]): Moment[] {
  const { kind, name, scheduledAt, startedAt, endedAt } = step;
  switch (kind) {
    case 'start':
      return [];
    case 'workflow-task':
      return [moment('Temporal hands out the workflow task', startedAt)];
    case 'local': {
      const before = steps.filter((other) => other.kind === 'local' && other.scheduledAt < scheduledAt).at(-1);
      const resumed = steps.some(
        (other) =>
          other.kind === 'workflow-task' &&
          other.startedAt < scheduledAt &&
          (before === undefined || other.startedAt > before.scheduledAt),
      );
      return [moment(resumed || before === undefined ? `workflow code up to ${name}` : `${before.name}`, scheduledAt)];
    }
    case 'activity': {
      const before = steps.filter((other) => other.kind === 'local' && other.scheduledAt < scheduledAt).at(-1);
      return [
        moment(`${before?.name ?? 'workflow code'}, workflow task completed`, scheduledAt),
        moment(`Temporal hands out ${name}`, startedAt),
        moment(`node: read back, completion reported`, endedAt),
      ];
    }
  }
}

const moment = (since: string, at: number): Moment => ({ since, at });

/** From the watcher's log: when it had the event, from its own measure of the lag until Temporal's acknowledgement. */
export function watcherMoments({ podwire }: BenchLab, pod: BenchPod, { sentAt }: Pick<Change, 'sentAt'>): Moment[] {
  for (const line of podwire.logLines(WATCHER_PART, 50)) {
    if (!line.includes('"signalled"') || !line.includes(pod.uid)) continue;
    const { time, lagMs } = JSON.parse(line) as { time: string; lagMs: number };
    const eventAt = Date.parse(time) - lagMs;
    if (Date.parse(time) >= sentAt) return [moment('API: PATCH stored, event at the watcher', eventAt)];
  }
  return [];
}

/** Medians over all changes; intervals of one name that occur in most changes, in the order of their median end. */
export function breakdownTable(title: string, changes: readonly { change: Change; moments: Moment[] }[]): Table {
  const intervals = new Map<string, { took: number[]; ended: number[]; beforeSeen: number }>();
  for (const { change, moments } of changes) {
    let previous = change.sentAt;
    const seen = new Map<string, number>();
    for (const { since, at } of moments) {
      const times = (seen.get(since) ?? 0) + 1;
      seen.set(since, times);
      const name = times === 1 ? since : `${since} (${times})`;
      const interval = intervals.get(name) ?? { took: [], ended: [], beforeSeen: 0 };
      intervals.set(name, interval);
      interval.took.push(at - previous);
      interval.ended.push(at - change.sentAt);
      if (at <= change.seen.at) interval.beforeSeen += 1;
      previous = at;
    }
  }
  const rows = [...intervals]
    .filter(([, { took }]) => took.length * 2 > changes.length)
    .sort(([, a], [, b]) => median(a.ended) - median(b.ended))
    .map(([name, { took, ended, beforeSeen }]) => {
      const sample = sampleOf(took);
      const onTheWay = beforeSeen * 2 > took.length ? '' : 'after';
      return [name, number(sample.p50), number(sample.p95), number(median(ended)), onTheWay];
    });
  return {
    title: `${title} (medians of ${changes.length})`,
    columns: ['between the moment before and this one', 'ms p50', 'ms p95', 'since PATCH', 'link was there'],
    rows,
  };
}
