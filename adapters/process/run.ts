/** Starts short-lived child processes (child.ts), everywhere but in a launcher. */
import type { ChildProcess } from 'node:child_process';
import { execa, type Options } from 'execa';
import { runStarted, stdioOf, tied, type Run, type RunOptions } from './child.ts';

/** Through execa, for its handling of a spawn that fails in one of several ways; everything that decides about a child's end is above it. */
function startByExeca(options: RunOptions): ChildProcess {
  const child = execa(...tied(options), {
    buffer: false,
    stdio: stdioOf(options) as Options['stdio'] & object,
    env: { ...options.env },
    extendEnv: false,
    cwd: '/',
    detached: true,
    cleanup: false,
    reject: false,
    stripFinalNewline: false,
  });
  // Its promise tells what its events have told; nobody waits for it.
  child.catch(() => undefined);
  return child;
}

/**
 * Runs a program to its end, its time-out or its abortion; never throws for what the child did.
 * The child dies with this process (`setpriv --pdeathsig KILL`).
 */
export const run: Run = (options) => runStarted(startByExeca, options);
