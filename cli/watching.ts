/** The same question again and again, until the person has seen enough, or nobody reads the answers any more. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import { outputIsClosed } from '../adapters/process/closed-output.ts';
import { PodwireError } from '../domain/failures.ts';
import { warn } from './tell.ts';
import { UsageError } from './usage-error.ts';

export interface WatchOption {
  /** `true`: as often as is usual. */
  readonly watch?: string | true;
}

const EVERY_SECONDS = 2;
const MAX_SECONDS = 3_600;
/** ECMA-48: to the first cell, and everything behind it erased. */
const CLEAR = '\u001B[H\u001B[J';

/** Adds the flag to a command whose options are a `WatchOption`. */
export const addWatch = (command: Command): Command =>
  command.addOption(
    new Option('-w, --watch [seconds]', `ask again every so many seconds (${EVERY_SECONDS}), until Ctrl-C`),
  );

/**
 * Answers once, or again and again. On a terminal each answer takes the place of the one before; elsewhere answers follow one another.
 * Somebody who does not answer is told, and asked again.
 * @throws UsageError; what `answer` throws when it is asked once
 */
export async function watching({ watch }: WatchOption, answer: () => Promise<void>): Promise<void> {
  if (watch === undefined) return answer();
  const everyMs = 1_000 * secondsOf(watch);
  while (!outputIsClosed()) {
    if (process.stdout.isTTY) process.stdout.write(CLEAR);
    try {
      await answer();
    } catch (error) {
      if (!(error instanceof PodwireError)) throw error;
      warn(error.message);
    }
    await sleep(everyMs);
    if (!process.stdout.isTTY) process.stdout.write('\n');
  }
}

function secondsOf(watch: string | true): number {
  if (watch === true) return EVERY_SECONDS;
  const seconds = Number(watch);
  if (/^\d+$/.test(watch) && seconds >= 1 && seconds <= MAX_SECONDS) return seconds;
  // The word behind the flag is its value, also where a name was meant.
  const order = /^-?[\d.]+$/.test(watch) ? '' : `; a name goes before the flag (${watch} --watch), or write --watch=5`;
  throw new UsageError(`--watch is ${JSON.stringify(watch)}; allowed: whole seconds from 1 to ${MAX_SECONDS}${order}`);
}
