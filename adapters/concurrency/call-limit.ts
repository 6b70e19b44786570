/**
 * One deadline for a piece of work, handed down to every call that is made for it. A limit of its own for each call is either too long for
 * the work, when the first call hangs, or too short, when a dependency is slow and each of several calls would have come to its end.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** When the work has to be done, by `performance.now()`. */
const deadlines = new AsyncLocalStorage<number>();

/** A call without any time left fails by its own limit, which names it, and not by an argument that its library refuses. */
const LEAST_MS = 1;

/** Runs work whose calls have that many milliseconds altogether. */
export function withinMs<T>(ms: number, work: () => Promise<T>): Promise<T> {
  return deadlines.run(performance.now() + ms, work);
}

/**
 * How long a call may take, in milliseconds: as usual, or half of what is left where that is more, so that another server can still be
 * asked when this one hangs; never more than what is left.
 * @param usualMs of a call that is part of no work with a deadline
 */
export function callLimitMs(usualMs: number): number {
  const left = leftMs();
  return Math.max(LEAST_MS, Math.min(left, Math.max(usualMs, left === Infinity ? 0 : left / 2)));
}

/** The same for a call that never gets more than its usual time. */
export const atMostMs = (usualMs: number): number => Math.max(LEAST_MS, Math.min(usualMs, leftMs()));

const leftMs = (): number => (deadlines.getStore() ?? Infinity) - performance.now();
