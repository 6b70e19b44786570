/** Open workflow runs, asked of Temporal as a person would. */
import { run } from '../../adapters/process/run.ts';
import type { Lab } from '../../deploy/lab/lab.ts';

/** Workflow ids of runs that a visibility query finds. @throws Error when Temporal does not answer */
export async function findRuns(lab: Lab, query: string): Promise<string[]> {
  const result = await run({
    file: lab.binaries.temporal,
    args: [
      ...['workflow', 'list', '--address', lab.temporal.host, '--namespace', lab.temporal.namespace ?? 'default'],
      ...['--query', query, '--limit', '1000', '-o', 'json'],
    ],
    env: { HOME: lab.dir, PATH: '/usr/bin:/bin' },
    timeoutMs: 15_000,
  });
  if (result.code !== 0) throw new Error(`temporal workflow list: ${result.stderr.trim()}`);
  const text = result.stdout.trim();
  const runs = text === '' ? [] : (JSON.parse(text) as { execution: { workflowId: string } }[]);
  return runs.map((each) => each.execution.workflowId);
}

/** Without sweeps, which come and go by themselves. */
export const openRuns = (lab: Lab): Promise<string[]> =>
  findRuns(lab, 'ExecutionStatus="Running" AND WorkflowType!="nodeSweep"');
