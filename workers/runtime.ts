/** Temporal's runtime of a process: its log lines and its figures go into ours, and nothing about payloads is written. */
import { DefaultLogger, IllegalStateError, Runtime } from '@temporalio/worker';
import type { Logger } from '../adapters/log/logger.ts';
import { freeLoopbackAddress, sdkMetricsAt, type SdkMetrics } from './metrics/sdk-metrics.ts';

const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
/** An activity-only worker says the first at each start, and that is how node workers are meant to be; the second is told by step-log.ts. */
const NOT_SAID = ['No workflows registered', 'Activity failed'];
/** Another process may take the port between the moment when it was free and its use. */
const ADDRESSES_TRIED = 5;

interface RuntimeUse {
  /**
   * Where the warnings of the SDK's native core go: through the log, for which the SDK wakes ten times a second; or straight to the output
   * as JSON lines of its own, which costs nothing while there are none, for processes of which there are thousands.
   */
  readonly coreLog: 'logger' | 'output';
  /**
   * Whether Temporal lists this process's workers with their load. The SDK looks at the host for that, and makes a call, once a minute, and
   * polls one queue more.
   */
  readonly workerHeartbeats: boolean;
}

/** The runtime with the figures that the SDK keeps, wherever it serves them at the moment. */
export interface SdkRuntime extends SdkMetrics {
  /**
   * Sees to it that there is a runtime, to be called before each attempt to connect: a failed one ends a runtime that has nothing else to do.
   * By itself the SDK would make the next one with the address of the first, which may be somebody else's by then, and go on failing for ever.
   */
  readonly ensure: () => Promise<void>;
}

/** Must run before anything else touches the SDK's runtime. */
export async function installRuntime(
  log: Logger,
  o: RuntimeUse = { coreLog: 'logger', workerHeartbeats: true },
): Promise<SdkRuntime> {
  let address = '';
  const ensure = async (): Promise<void> => {
    for (let attempt = 1; ; attempt += 1) {
      const free = await freeLoopbackAddress();
      try {
        install(log, o, free);
        address = free;
        return;
      } catch (error) {
        // There is one.
        if (error instanceof IllegalStateError) return;
        if (attempt === ADDRESSES_TRIED) throw error;
      }
    }
  };
  await ensure();
  return { ...sdkMetricsAt(() => address), ensure };
}

/** @param address where the SDK's core serves its figures */
function install(log: Logger, o: RuntimeUse, address: string): void {
  Runtime.install({
    ...(o.workerHeartbeats ? {} : { workerHeartbeatInterval: 0 }),
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      if (NOT_SAID.some((start) => message.startsWith(start))) return;
      const { error, workflowId, runId, activityId, activityType, attempt } = (meta ?? {}) as Record<string, unknown>;
      log[LEVELS[level]]({ err: error, workflowId, runId, activityId, activityType, attempt }, message);
    }),
    telemetryOptions: {
      metrics: {
        attachServiceName: false,
        // Names by Prometheus' conventions.
        prometheus: { bindAddress: address, countersTotalSuffix: true, unitSuffix: true, useSecondsForDurations: true },
      },
      logging: {
        filter: { core: 'WARN', other: 'ERROR' },
        ...(o.coreLog === 'logger' ? { forward: {} } : { console: { format: 'json' } }),
      },
    },
  });
}
