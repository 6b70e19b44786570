/** Wall-clock time with fractions of a millisecond, comparable with the time stamps of `ip -ts` and of Temporal's histories. */
let offset = 0;

/** Sets the fine clock by the coarse one; spins for up to a millisecond. Call it before every measured cycle: the clock is steered. */
export function setWallClock(): void {
  const before = Date.now();
  let now = before;
  while (now === before) now = Date.now();
  offset = now - performance.now();
}

/** Milliseconds since the epoch. */
export const wallNow = (): number => performance.now() + offset;

setWallClock();
