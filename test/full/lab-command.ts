/** `npm run lab -- …` as a person runs it: a process of its own, which can be killed at any moment. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../adapters/process/run.ts';
import type { RunResult } from '../../adapters/process/child.ts';
import { daemonPid, startDaemon } from '../../adapters/process/daemon.ts';
import { SEARCH_PATH } from '../../deploy/lab/commands.ts';
import { ROOT } from '../runner/groups.ts';

const LIMIT_MS = 180_000;
const LOOK_EVERY_MS = 5;

/** HOME leads to the binaries. */
const ENV = { PATH: SEARCH_PATH, HOME: process.env['HOME'] ?? '/root' };
const ARGS = ['--import', import.meta.resolve('tsx'), join(ROOT, 'deploy/lab/main.ts')];

/** Runs a lab command to its end. */
export const lab = (...words: string[]): Promise<RunResult> => labAs([], ...words);

/** The same, through a program that changes who runs it. */
export const labAs = (prefix: readonly string[], ...words: string[]): Promise<RunResult> =>
  run({
    file: '/usr/bin/env',
    args: [...prefix, process.execPath, ...ARGS, ...words],
    env: ENV,
    timeoutMs: LIMIT_MS,
  });

/**
 * Runs a lab command and kills it, and nothing else, by SIGKILL as soon as `when` holds.
 *
 * @param when gets what the command has printed
 * @returns what it had printed
 * @throws Error when the command ends before
 */
export async function labKilled(words: readonly string[], when: (printed: string) => boolean): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-lab-command-'));
  const [logFile, noteFile] = [join(folder, 'log'), join(folder, 'pid')];
  try {
    const pid = await startDaemon({ file: process.execPath, args: [...ARGS, ...words], env: ENV, logFile, noteFile });
    const deadline = performance.now() + LIMIT_MS;
    for (;;) {
      const running = daemonPid(noteFile) !== undefined;
      const printed = readFileSync(logFile, 'utf8');
      if (running && when(printed)) {
        process.kill(pid, 'SIGKILL');
        while (daemonPid(noteFile) !== undefined) await sleep(LOOK_EVERY_MS);
        return printed;
      }
      if (!running) throw new Error(`lab ${words.join(' ')} ended before it was to be killed:\n${printed}`);
      if (performance.now() > deadline) {
        process.kill(pid, 'SIGKILL');
        throw new Error(`lab ${words.join(' ')} never came to where it was to be killed:\n${printed}`);
      }
      await sleep(LOOK_EVERY_MS);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
