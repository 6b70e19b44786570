/** Structured logs: one JSON object per line on stdout, made by pino. */
import { pino, type Logger } from 'pino';
import { currentTrace } from '../tracing/tracing.ts';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * The root logger of a process. Hold on to this object and not to a child of it: a child keeps the level of the moment in which it was made.
 * @param component name of the part, in every line as `component`
 * @param about what else is in every line
 */
export function createLogger(
  component: string,
  level: LogLevel = 'info',
  about: Readonly<Record<string, string>> = {},
): Logger {
  return pino({
    level,
    base: { component, ...about },
    timestamp: pino.stdTimeFunctions.isoTime,
    mixin: traceOfLine,
    formatters: { level: (label) => ({ level: label }) },
  });
}

/** What is written for a change that is traced has the trace's id. */
function traceOfLine(): object {
  const trace = currentTrace();
  return trace === undefined ? {} : { traceId: trace.traceId };
}
