/** Open runs as people read them. */
import { podText } from '../pod-argument.ts';
import type { PodRun } from '../pod-runs.ts';
import { ageText, textTable } from '../text-table.ts';

/** @param now milliseconds since the epoch */
export function runTable(runs: readonly PodRun[], now: number): string {
  return textTable(
    ['pod', 'node', 'state', 'since', 'networks'],
    runs.map((run) => [
      podText(run.pod),
      run.node,
      run.state,
      ageText(run.since, now),
      [...run.networks].sort().join(' '),
    ]),
  );
}
