/** Log levels by the names that KSR's REST API and files use. */
export const KSR_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal', 'panic'] as const;
export type KsrLevel = (typeof KSR_LEVELS)[number];

/** The loggers KSR has from the start, and users know. */
export const KSR_LOGGERS = [
  'ksr',
  'ksr-namespace',
  'ksr-pod',
  'ksr-sfcPod',
  'ksr-policy',
  'ksr-service',
  'ksr-endpoints',
  'ksr-node',
  'ksr-metrics',
] as const;
export type KsrLoggerName = (typeof KSR_LOGGERS)[number];

/** @returns the level of that name in any case (`warning`, its name in KSR v1.0, is `warn`); undefined for any other word */
export function ksrLevel(text: string): KsrLevel | undefined {
  const lower = text.toLowerCase();
  return KSR_LEVELS.find((level) => level === (lower === 'warning' ? 'warn' : lower));
}
