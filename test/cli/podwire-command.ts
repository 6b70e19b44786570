/** The command line as a person runs it: a process of its own, told by its environment where the lab is. */
import { fileURLToPath } from 'node:url';
import type { RunResult } from '../../adapters/process/child.ts';
import { run } from '../../adapters/process/run.ts';
import type { Lab } from '../../deploy/lab/lab.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

const environment = (lab: Lab): Record<string, string> => ({
  HOME: lab.dir,
  PATH: '/usr/bin:/bin',
  TEMPORAL_ADDRESS: lab.temporal.host,
});

/** Runs `podwire …`; what it exits with is for the test to judge. */
export function podwire(lab: Lab, args: readonly string[], env: Record<string, string> = {}): Promise<RunResult> {
  return run({
    file: process.execPath,
    args: ['--import', import.meta.resolve('tsx'), MAIN, ...args],
    env: { ...environment(lab), PODWIRE_ETCD_ENDPOINTS: lab.etcd.host, ...env },
    timeoutMs: 60_000,
  });
}

/** Runs Temporal's own command line. @throws Error with what it said when it fails */
export async function temporal(lab: Lab, args: readonly string[]): Promise<string> {
  const result = await run({ file: lab.binaries.temporal, args, env: environment(lab), timeoutMs: 30_000 });
  if (result.code !== 0) throw new Error(`temporal ${args.join(' ')}: ${result.stdout}${result.stderr}`);
  return result.stdout;
}
