/** The process behind a `Launcher`: runs what it is told to run. Its only argument is the directory of the notes of running children. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { FileThere, LaunchAnswer, LaunchOrder } from './launch-messages.ts';
import { ProcessRegistry } from './registry.ts';
import { notStarted, run, type RunResult } from './run.ts';

const [registryDir] = process.argv.slice(2);
const registry = registryDir === undefined ? undefined : new ProcessRegistry(registryDir);
const aborts = new Map<number, AbortController>();

process.on('message', (message) => {
  const order = message as LaunchOrder;
  if ('abort' in order) aborts.get(order.abort)?.abort();
  else void carryOut(order);
});
// Whoever asked is gone; the children die with this process.
process.on('disconnect', () => process.exit(0));

async function carryOut(order: Exclude<LaunchOrder, { abort: number }>): Promise<void> {
  const abort = new AbortController();
  aborts.set(order.id, abort);
  let result: RunResult;
  try {
    result = await withFile(order.file3, (fd3) =>
      run({
        ...order.options,
        signal: abort.signal,
        ...(fd3 === undefined ? {} : { fd3 }),
        ...(registry === undefined ? {} : { registry }),
      }),
    );
  } catch (error) {
    result = notStarted(error instanceof Error ? error.message : String(error));
  }
  aborts.delete(order.id);
  process.send?.({ id: order.id, result } satisfies LaunchAnswer);
}

/** Opens the asking process's file anew, through its descriptor: no path is followed, and the inode has to be the one it has there. */
async function withFile<T>(there: FileThere | undefined, work: (fd: number | undefined) => Promise<T>): Promise<T> {
  if (there === undefined) return work(undefined);
  let file: FileHandle | undefined;
  try {
    file = await open(`/proc/${there.pid}/fd/${there.fd}`, constants.O_RDONLY);
    const { ino } = await file.stat({ bigint: true });
    if (String(ino) !== there.inode)
      throw new Error(`descriptor ${there.fd} of process ${there.pid} is another file now`);
    return await work(file.fd);
  } finally {
    await file?.close().catch(() => undefined);
  }
}
