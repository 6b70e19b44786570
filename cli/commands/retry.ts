/** `podwire retry`: another attempt now, for one pod or for all that are stuck. */
import type { Command } from 'commander';
import { temporalSettings } from '../../config/common.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { podArgument, podText } from '../pod-argument.ts';
import { UsageError } from '../usage-error.ts';
import { withTemporal } from '../with-temporal.ts';

interface RetryOptions {
  readonly allStuck?: boolean;
}

/** Signals under way at once. */
const AT_ONCE = 16;

/** Adds the command to the program. */
export function register(program: Command): void {
  const command = program
    .command('retry')
    .description('Makes stuck pods try again at once (signal retryNow). Exit code 1 when there is nothing to retry.')
    .argument('[namespace/pod]', 'one pod, whatever the state of its open run')
    .option('--all-stuck', 'every open run whose ProvisioningState is Stuck');
  addSettings(command, temporalSettings).action(retry);
}

async function retry(pod: string | undefined, options: RetryOptions, command: Command): Promise<void> {
  const all = options.allStuck === true;
  if ((pod === undefined) !== all) throw new UsageError('give either NAMESPACE/POD or --all-stuck');
  const filter = pod === undefined ? { state: 'Stuck' as const } : podArgument(pod);
  await withTemporal(settingsOf(command, temporalSettings), async (client) => {
    const { findOpenRuns, signalRetryNow } = await import('../pod-runs.ts');
    const runs = await findOpenRuns(client, filter);
    let signalled = 0;
    for (let start = 0; start < runs.length; start += AT_ONCE) {
      const batch = runs.slice(start, start + AT_ONCE);
      const taken = await Promise.all(batch.map((run) => signalRetryNow(client, run)));
      for (const [index, run] of batch.entries()) {
        if (taken[index] !== true) continue;
        signalled += 1;
        process.stdout.write(`retryNow → ${podText(run.pod)} (${run.workflowId})\n`);
      }
    }
    if (signalled > 0) return;
    process.stderr.write(`podwire: ${nothingText(pod)}\n`);
    process.exitCode = 1;
  });
}

const nothingText = (pod: string | undefined): string =>
  pod === undefined
    ? 'no open run is stuck'
    : `${pod} has no open run: nothing of it is being tried; see its events (kubectl describe pod) and: podwire status ${pod}`;
