/**
 * Durations as programs in Go take them: whole nanoseconds, or text such as `1m30s`, `2.5s`, `100ms`.
 * Source of the text form: the documentation of Go's time.ParseDuration.
 */
const UNIT_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3_600e9,
};
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;
const WHOLE = new RegExp(`^(?:${PART.source})+$`);

/** How a duration is written, for messages. */
export const DURATION_HELP = 'must be nanoseconds such as 10000000000, or text such as 10s, 1m30s or 500ms';

/** @returns milliseconds (a fraction below one); undefined for what is no duration, negative ones included */
export function goDurationMs(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value / 1e6 : undefined;
  if (typeof value !== 'string' || value.length > 64) return undefined;
  const text = value.trim();
  if (/^\d{1,16}$/.test(text)) return Number(text) / 1e6;
  if (!WHOLE.test(text)) return undefined;
  let nanoseconds = 0;
  for (const [, amount, unit] of text.matchAll(PART)) nanoseconds += Number(amount) * (UNIT_NS[unit ?? ''] ?? NaN);
  return nanoseconds <= Number.MAX_SAFE_INTEGER ? nanoseconds / 1e6 : undefined;
}
