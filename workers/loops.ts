/** Work that a process repeats for as long as it lives. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../adapters/log/logger.ts';
import { FolderChanges } from '../adapters/host/folder-changes.ts';
import { Pace } from './pace.ts';
import { backOffDelay, type BackOff } from '../domain/concurrency/back-off.ts';

const BACK_OFF: BackOff = { minMs: 500, maxMs: 10_000 };

/**
 * Runs `work` again and again with a pause in between, until `signal` is aborted. What it throws is logged, once per kind of
 * trouble, and it is run again.
 * @param interval milliseconds, or a pace, which is told of what fails
 */
export async function everyInterval(
  name: string,
  interval: number | Pace,
  log: Logger,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  const pace = typeof interval === 'number' ? Pace.steady(interval) : interval;
  let trouble = '';
  while (!signal.aborted) {
    try {
      await work();
      if (trouble !== '') log.info({ loop: name }, 'works again');
      trouble = '';
    } catch (error) {
      const now = codeOf(error);
      if (now !== trouble) log.warn({ loop: name, err: error }, 'failed; will be tried again');
      trouble = now;
      pace.changed();
    }
    await pace.pause(signal);
  }
}

/** The same for work that depends on what these folders hold, as names. The folders are followed before they are looked at. */
export async function whileFoldersRest(
  name: string,
  pace: Pace,
  log: Logger,
  signal: AbortSignal,
  on: { readonly folders: () => readonly string[] | Promise<readonly string[]>; readonly work: () => Promise<void> },
): Promise<void> {
  const changes = new FolderChanges(() => pace.changed());
  await everyInterval(name, pace, log, signal, async () => {
    const folders = await on.folders();
    const isFollowed = changes.follow(folders);
    pace.heard(isFollowed || folders.length === 0);
    await on.work();
  });
  changes.close();
}

/** Runs `work` until it succeeds, with a bounded back-off; gives up (returning false) only when `signal` is aborted. */
export async function untilDone(
  name: string,
  log: Logger,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<boolean> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      await work();
      return true;
    } catch (error) {
      const delay = backOffDelay(BACK_OFF, failures, Math.random);
      log.warn({ step: name, err: error, retryInMs: Math.round(delay) }, 'failed; will be tried again');
      await pause(delay, signal);
    }
  }
  return false;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

function codeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error) return String(error.code);
  return error instanceof Error ? error.message : String(error);
}
