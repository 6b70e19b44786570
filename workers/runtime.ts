/** Temporal's runtime of a process: its log lines and its figures go into ours, and nothing about payloads is written. */
import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { Logger } from '../adapters/log/logger.ts';
import { freeLoopbackAddress, sdkMetricsAt, type SdkMetrics } from './metrics/sdk-metrics.ts';

const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
/** An activity-only worker says so at each start; that is how node workers are meant to be. */
const EXPECTED = 'No workflows registered';
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

/**
 * Must run before anything else touches the SDK's runtime.
 * @returns the figures that the SDK keeps
 */
export async function installRuntime(
  log: Logger,
  o: RuntimeUse = { coreLog: 'logger', workerHeartbeats: true },
): Promise<SdkMetrics> {
  for (let attempt = 1; ; attempt += 1) {
    const address = await freeLoopbackAddress();
    try {
      install(log, o, address);
      return sdkMetricsAt(address);
    } catch (error) {
      if (attempt === ADDRESSES_TRIED) throw error;
    }
  }
}

/** @param address where the SDK's core serves its figures */
function install(log: Logger, o: RuntimeUse, address: string): void {
  Runtime.install({
    ...(o.workerHeartbeats ? {} : { workerHeartbeatInterval: 0 }),
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      if (message.startsWith(EXPECTED)) return;
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
