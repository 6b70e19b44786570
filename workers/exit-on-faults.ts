/** What a process does when something comes that nobody expected. */
import type { Logger } from '../adapters/log/logger.ts';

/** Nothing is expected to come here; if something does, its state is unknown and a restart is the safe answer. */
export function exitOnFaults(log: Logger): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, event);
      process.exit(1);
    });
  }
}
