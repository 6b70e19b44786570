/** KSR's loggers, which exist from the start, so that their levels can be seen and set. */
import { createLogger } from '../../adapters/log/logger.ts';
import { LoggerRegistry } from '../../adapters/log/logger-registry.ts';
import type { KsrConfig } from '../../config/reflect/ksr.ts';
import { KSR_LOGGERS } from '../../domain/reflect/log-levels.ts';

/** Loggers that exist from the start beside KSR's, by KSR's names where it has them. */
const OTHER_LOGGERS = ['etcd', 'http', 'temporal'] as const;

export function ksrLoggers({ initial, levels }: KsrConfig['logs']): LoggerRegistry {
  const loggers = new LoggerRegistry(createLogger('ksr', 'trace'), initial);
  for (const { logger, level } of levels) loggers.setLevel(logger, level);
  for (const name of [...KSR_LOGGERS, ...OTHER_LOGGERS]) loggers.logger(name);
  return loggers;
}
