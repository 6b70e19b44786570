/** The process behind a `Launcher`: runs what it is told to run. Its only argument is the directory of the notes of running children. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import type { FileThere, LaunchAnswer, LaunchOrder } from './launch-messages.ts';
import { ProcessRegistry } from './registry.ts';
import { notStarted, runStarted, stdioOf, tied, type RunOptions, type RunResult } from './child.ts';

const [registryDir] = process.argv.slice(2);
const registry = registryDir === undefined ? undefined : new ProcessRegistry(registryDir);
const aborts = new Map<number, AbortController>();

process.on('message', (message) => {
  const order = message as LaunchOrder;
  if ('abort' in order) aborts.get(order.abort)?.abort();
  else void carryOut(order);
});
// Whoever asked is gone; the children die with this process, but for brief ones, which end by themselves (ADR 14).
process.on('disconnect', () => process.exit(0));

/** Without execa, which costs 0.9 ms of CPU time a child (measured): a change of the mesh may take hundreds of them. */
function start(options: RunOptions): ChildProcess {
  const untied = options.brief === true && registry !== undefined;
  const [file, args] = untied ? [options.file, options.args] : tied(options);
  return spawn(file, args, { stdio: stdioOf(options), env: { ...options.env }, cwd: '/', detached: true });
}

async function carryOut(order: Exclude<LaunchOrder, { abort: number }>): Promise<void> {
  const abort = new AbortController();
  aborts.set(order.id, abort);
  let result: RunResult;
  try {
    result = await withFiles(order.files, (fds) =>
      runStarted(start, {
        ...order.options,
        signal: abort.signal,
        fds,
        ...(registry === undefined ? {} : { registry }),
      }),
    );
  } catch (error) {
    result = notStarted(error instanceof Error ? error.message : String(error));
  }
  aborts.delete(order.id);
  process.send?.({ id: order.id, result } satisfies LaunchAnswer);
}

/**
 * Opens the asking process's files anew, through its descriptors: no path is followed, and each inode has to be the one it has there.
 * Namespaces are in memory, opening one takes microseconds: not worth a thread each.
 */
async function withFiles<T>(there: readonly FileThere[], work: (fds: readonly number[]) => Promise<T>): Promise<T> {
  const fds: number[] = [];
  try {
    for (const file of there) {
      const fd = openSync(`/proc/${file.pid}/fd/${file.fd}`, constants.O_RDONLY);
      fds.push(fd);
      if (String(fstatSync(fd, { bigint: true }).ino) !== file.inode)
        throw new Error(`descriptor ${file.fd} of process ${file.pid} is another file now`);
    }
    return await work(fds);
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}
