/** `podwire logs`: what all parts wrote about one pod, in the order of time. */
import type { Command } from 'commander';
import { dialectOf, dialectSettings } from '../../config/common.ts';
import { PodwireError } from '../../domain/failures.ts';
import { addSettings, settingsOf } from '../command-settings.ts';
import { apiSettings, openApi } from '../kube-api.ts';
import { addOutput, print, type OutputOption } from '../output.ts';
import { podArgument, podText } from '../pod-argument.ts';
import { tell, warn } from '../tell.ts';
import { UsageError } from '../usage-error.ts';

const table = { ...apiSettings, ...dialectSettings };

interface LogsOptions extends OutputOption {
  readonly namespace: string;
  readonly since: string;
  readonly tail: string;
  readonly limitBytes: string;
}

/** Adds the command to the program. */
export function register(program: Command): void {
  const command = program
    .command('logs')
    .description(
      "Lines about a pod from the watcher's, the orchestrators' and its node worker's logs, by time. Needs the rights get on the pod, and list on pods and get on pods/log in podwire's namespace. Exit code 1: a log could not be read, or not all of it.",
    )
    .argument('<namespace/pod>', 'the pod, also one that is gone')
    .option('-n, --namespace <name>', 'namespace that podwire runs in', 'podwire-system')
    .option('--since <duration>', 'not older than that: 90s, 15m, 2h, 1d', '1h')
    .option('--tail <lines>', 'the last so many lines of each log, of whatever pod', '20000')
    .option('--limit-bytes <bytes>', 'at most so much of each log', '16000000');
  addSettings(addOutput(command), table).action(logs);
}

async function logs(pod: string, options: LogsOptions, command: Command): Promise<void> {
  const name = podArgument(pod);
  const bounds = {
    sinceSeconds: durationOf(options.since),
    tailLines: countOf('--tail', options.tail, 1_000_000),
    limitBytes: countOf('--limit-bytes', options.limitBytes, 256 * 1024 * 1024),
  };
  const settings = settingsOf(command, table);
  const { gatherLogs } = await import('../logs/gather-logs.ts');
  const kube = await openApi(settings);
  try {
    const { namespace } = options;
    const dialect = dialectOf(settings);
    const lines = await gatherLogs(kube, { pod: name, namespace, dialect, bounds }, { tell, warn });
    if (lines.length === 0)
      warn(
        `no part wrote about ${podText(name)} within ${options.since}. Older: --since. Why podwire may leave it alone: podwire explain ${podText(name)}`,
      );
    await print(lines, options, async () => {
      const { logsText } = await import('../render/logs.ts');
      return logsText(lines);
    });
  } catch (error) {
    if (error instanceof PodwireError && error.code === 'ApiUnavailable')
      warn(
        `needed: list on pods and get on pods/log in ${options.namespace}; kubectl -n ${options.namespace} auth can-i get pods --subresource=log says whether you may`,
      );
    throw error;
  } finally {
    kube.close();
  }
}

const SECONDS_OF = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;
const MAX_DAYS = 365;

function durationOf(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const seconds = Number(number) * (SECONDS_OF[unit as keyof typeof SECONDS_OF] ?? 0);
  if (seconds >= 1 && seconds <= MAX_DAYS * SECONDS_OF.d) return seconds;
  throw new UsageError(`--since is ${JSON.stringify(text)}; allowed: 90s, 15m, 2h or 1d, at most ${MAX_DAYS}d`);
}

function countOf(flag: string, text: string, max: number): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= max) return count;
  throw new UsageError(`${flag} is ${JSON.stringify(text)}; allowed: whole numbers from 1 to ${max}`);
}
