/** Temporal's runtime of a process: its log lines go into ours, and nothing about payloads is written. */
import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { Logger } from '../adapters/log/logger.ts';

const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
/** An activity-only worker says so at each start; that is how node workers are meant to be. */
const EXPECTED = 'No workflows registered';

/** Must run before anything else touches the SDK's runtime. */
export function installRuntime(log: Logger): void {
  Runtime.install({
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      if (message.startsWith(EXPECTED)) return;
      const { error, workflowId, runId, activityId, activityType, attempt } = (meta ?? {}) as Record<string, unknown>;
      log[LEVELS[level]]({ err: error, workflowId, runId, activityId, activityType, attempt }, message);
    }),
    telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } },
  });
}
