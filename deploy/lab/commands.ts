/** Short-lived commands of the lab: found on a fixed search path, run with a time-out, failing loudly. */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../adapters/process/run.ts';
import type { RunResult } from '../../adapters/process/child.ts';

/** PATH of every child of the lab. */
export const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface CommandOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/** Absolute path of a program on the fixed search path, or on the one given; undefined when absent. */
export function findProgram(name: string, searchPath: string = SEARCH_PATH): string | undefined {
  return searchPath
    .split(':')
    .filter((dir) => dir.startsWith('/'))
    .map((dir) => join(dir, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Runs a program by name; never throws for what it did. @throws Error when it is not installed. */
export async function attempt(name: string, args: readonly string[], o: CommandOptions = {}): Promise<RunResult> {
  const file = name.startsWith('/') ? name : findProgram(name);
  if (file === undefined) throw new Error(`${name} is not installed (looked in ${SEARCH_PATH})`);
  return run({
    file,
    args,
    env: { PATH: SEARCH_PATH, LC_ALL: 'C', ...o.env },
    timeoutMs: o.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    ...(o.input === undefined ? {} : { input: o.input }),
  });
}

/** Runs a program by name and returns its stdout. @throws Error with its stderr unless it exits with 0 in time. */
export async function must(name: string, args: readonly string[], o: CommandOptions = {}): Promise<string> {
  const result = await attempt(name, args, o);
  if (result.code !== 0) throw new Error(`${name} ${args.join(' ')}: ${whyFailed(result)}`);
  return result.stdout;
}

/** One line that says why a command failed. */
export function whyFailed(result: RunResult): string {
  if (result.timedOut) return `no end after ${Math.round(result.durationMs / 1000)} s`;
  const said = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-8).join('\n');
  return `exit ${result.code ?? result.signal ?? '?'}: ${said || 'it said nothing'}`;
}
