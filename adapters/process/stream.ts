/**
 * Children that run until they are stopped and whose lines are read as they come: `ip monitor` and the like.
 * They die with this process, as those of `run` do.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { killGroup, tied } from './child.ts';

export interface StreamOptions {
  /** Absolute path of the program. */
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment of the child. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called for every line of stdout, without its line feed, in order. */
  readonly onLine: (line: string) => void;
}

export interface LineStream {
  readonly pid: number;
  /** Resolves when the child has ended, by itself or by `stop`; with the end of its stderr. */
  readonly ended: Promise<{ readonly code: number | undefined; readonly stderr: string }>;
  /** Kills the child's process group and waits for its end. */
  stop(): Promise<void>;
}

const MAX_STDERR = 4_096;

/** Starts a program whose output is read line by line. @throws Error when it cannot be started. */
export async function streamLines(options: StreamOptions): Promise<LineStream> {
  const child = spawn(...tied(options), {
    env: { ...options.env },
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-MAX_STDERR);
  });
  createInterface({ input: child.stdout }).on('line', options.onLine);
  const ended = new Promise<{ code: number | undefined; stderr: string }>((resolve) => {
    child.once('close', (code) => resolve({ code: code ?? undefined, stderr }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => reject(new Error(`cannot start ${options.file}: ${cause.message}`, { cause })));
  });
  // 'spawn' was seen, so there is a pid.
  const pid = child.pid as number;
  return {
    pid,
    ended,
    stop: async () => {
      killGroup(pid);
      await ended;
    },
  };
}
