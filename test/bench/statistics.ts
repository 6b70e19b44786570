/** Order statistics of a sample. */
export interface Sample {
  readonly n: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

/** Nearest-rank percentiles, so that each is a value that was measured. @throws Error for an empty sample */
export function sampleOf(values: readonly number[]): Sample {
  if (values.length === 0) throw new Error('nothing was measured');
  const sorted = [...values].sort((a, b) => a - b);
  const rank = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] as number;
  return { n: sorted.length, p50: rank(0.5), p95: rank(0.95), max: rank(1) };
}

export const median = (values: readonly number[]): number => sampleOf(values).p50;
