/** Jittered exponential back-off: `minMs`, doubled per failure up to `maxMs`, each drawn from its upper half. */
export interface BackOff {
  readonly minMs: number;
  readonly maxMs: number;
}

/** @param failures consecutive ones, 1 or more. @returns milliseconds */
export function backOffDelay(backOff: BackOff, failures: number, random: () => number = Math.random): number {
  const full = Math.min(backOff.maxMs, backOff.minMs * 2 ** Math.min(failures - 1, 30));
  return full * (0.5 + random() / 2);
}
