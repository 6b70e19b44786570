/** How long something that failed is left alone before it is tried again. */

/** `minMs` after the first failure, doubled with each further one up to `maxMs`. */
export interface BackOff {
  readonly minMs: number;
  readonly maxMs: number;
}

/** So many doublings exceed any `maxMs`. */
const MAX_DOUBLINGS = 30;

/**
 * The delay before the next attempt. It is drawn from its upper half, so that those who failed together do not come again together.
 *
 * @param failures consecutive ones, 1 or more
 * @param random a number from 0 to below 1, `Math.random` as a rule; 1 for the longest delay
 * @returns milliseconds
 */
export function backOffDelay({ minMs, maxMs }: BackOff, failures: number, random: () => number): number {
  const full = Math.min(maxMs, minMs * 2 ** Math.min(failures - 1, MAX_DOUBLINGS));
  return full * (0.5 + random() / 2);
}
