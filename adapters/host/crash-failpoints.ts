/**
 * Failpoints for crash tests: a file says what happens where, read anew at every hit, so that a test changes it while the
 * process runs. Builds that are shipped do not have this module (failpoints.ts).
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { PodwireError } from '../../domain/failures.ts';
import type { Failpoints } from '../../domain/ports/failpoints.ts';

const MAX_DELAY_MS = 60_000;
const actionsSchema = z.array(
  z.strictObject({
    point: z.string(),
    /** `kill`: this process, at once. `delay`: wait `delayMs`. `fail`: a transient failure. */
    action: z.enum(['kill', 'delay', 'fail']),
    delayMs: z.number().int().min(0).max(MAX_DELAY_MS).optional(),
    /** Removed from the file before it acts. */
    once: z.boolean().optional(),
  }),
);

/** @param file JSON list of `{point, action, delayMs?, once?}`; while it is not there nothing happens */
export function createFailpoints(file: string): Failpoints {
  return {
    async hit(name) {
      const actions = read(file);
      const index = actions.findIndex(({ point }) => point === name);
      const found = actions[index];
      if (found === undefined) return;
      if (found.once === true) replace(file, actions.toSpliced(index, 1));
      if (found.action === 'kill') die();
      if (found.action === 'delay') await sleep(found.delayMs ?? 0);
      if (found.action === 'fail') throw new PodwireError('KernelBusy', `failpoint ${name}`);
    },
  };
}

/**
 * At once, with nothing written and nobody told. The first process of a container is spared its own SIGKILL by the kernel, as it is every
 * signal from inside that it does not handle; it is not spared what abort(3) ends with, an instruction that it may not execute.
 */
function die(): never {
  process.kill(process.pid, 'SIGKILL');
  process.abort();
}

function read(file: string): z.infer<typeof actionsSchema> {
  // An error for each of a burst's many hits would cost more than the hits themselves.
  if (!existsSync(file)) return [];
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return actionsSchema.parse(JSON.parse(text === '' ? '[]' : text));
}

/** Synchronous on purpose: two hits in one process cannot both take a `once`. */
function replace(file: string, actions: z.infer<typeof actionsSchema>): void {
  writeFileSync(`${file}.${process.pid}`, JSON.stringify(actions));
  renameSync(`${file}.${process.pid}`, file);
}
