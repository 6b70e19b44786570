/** Where the milliseconds of a CNI attach or detach go: history, watcher's log, node worker's log, kernel and API, in one order. */
import { nodePart } from '../../deploy/lab/podwire.ts';
import { runOfPod, type BenchLab, type BenchPod } from './bench-lab.ts';
import { stepMoments, watcherMoments, type Moment } from './breakdown.ts';
import type { CniChange } from './cni-change.ts';
import { newestRun, runSteps } from './run-history.ts';

interface PluginLine {
  /** ISO time of the plugin's end. */
  readonly time: string;
  readonly msg: string;
  readonly command: string;
  readonly ms: number;
}

/** Moments of a change whose run has ended; watcher and node worker log at `debug`, or their moments are missing. */
export async function cniMomentsOf(bench: BenchLab, pod: BenchPod, change: CniChange): Promise<Moment[]> {
  const id = runOfPod(pod);
  const steps = await runSteps(bench, id, await newestRun(bench, id));
  const ended = steps.filter((step) => step.kind === 'workflow-task').at(-1);
  const moments: Moment[] = [
    ...watcherMoments(bench, pod, change),
    ...steps
      .filter((step) => step.kind === 'start')
      .map(({ endedAt }) => ({ since: 'signalWithStart: run started', at: endedAt })),
    ...steps.flatMap(stepMoments),
    ...pluginMoments(bench, pod, change),
    { since: change.seen.deleted ? 'plugin: link gone' : 'plugin: link up', at: change.seen.at },
    { since: 'the status is at whoever watches', at: change.statusAt },
    ...(ended === undefined ? [] : [{ since: 'last step, run ends', at: ended.endedAt }]),
  ];
  return moments.sort((a, b) => a.at - b.at);
}

/** Start and end of the plugins that ran since the PATCH, from the node worker's log. */
function pluginMoments({ podwire }: BenchLab, pod: BenchPod, { sentAt }: CniChange): Moment[] {
  return podwire.logLines(nodePart(pod.node), 50).flatMap((line) => {
    if (!line.includes('"CNI plugin ended"')) return [];
    const { time, command, ms } = JSON.parse(line) as PluginLine;
    const endedAt = Date.parse(time);
    if (endedAt < sentAt) return [];
    return [
      { since: `node: before ${command}`, at: endedAt - ms },
      { since: `plugin: ${command} to its end`, at: endedAt },
    ];
  });
}
