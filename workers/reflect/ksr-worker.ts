/** The Temporal worker of a reflector that runs by itself. */
import { Worker } from '@temporalio/worker';
import type { Logger } from '../../adapters/log/logger.ts';
import type { TemporalOptions } from '../../adapters/temporal/connection.ts';
import type { CredentialStore } from '../../adapters/tls/rotation.ts';
import { REFLECT_QUEUE, REFLECT_SOURCES } from '../../domain/reflect/messages.ts';
import type { Observed } from './ksr-parts.ts';
import { connectWorker } from '../native-connection.ts';
import type { SdkRuntime } from '../runtime.ts';
import { tuneSdk, type SdkTuning } from '../sdk-tuning.ts';
import { stepLog } from '../step-log.ts';
import { workflowCode } from '../workflow-code.ts';

/** One run for each kind of object. */
const CACHED_WORKFLOWS = 20;
/** A resync for each kind of object, and the look after nodes that are gone. */
const ACTIVITIES_AT_ONCE = REFLECT_SOURCES.length + 1;

/**
 * Waits for Temporal, however long it takes, then works until SIGTERM or SIGINT.
 * @param stopped gives up waiting
 * @param tell how the worker is, whenever that changes
 */
export async function workUntilStopped(
  o: { temporal: TemporalOptions; credentials: CredentialStore; runtime: SdkRuntime; sdkTuning: SdkTuning },
  activities: object,
  log: Logger,
  stopped: AbortSignal,
  tell: (state: Observed['worker']) => void,
): Promise<void> {
  const { credentials, runtime } = o;
  const connection = await connectWorker(o.temporal, log, stopped, { credentials, runtime }).catch((error: unknown) => {
    if (stopped.aborted) return undefined;
    throw error;
  });
  if (connection === undefined) return;
  const code = workflowCode();
  const thread = tuneSdk(o.sdkTuning, log);
  try {
    const worker = await Worker.create({
      ...{
        connection: connection.native,
        activities,
        namespace: o.temporal.namespace,
        taskQueue: REFLECT_QUEUE,
        ...code,
        ...thread.options,
      },
      interceptors: { ...code.interceptors, activity: [stepLog(log)] },
      maxCachedWorkflows: CACHED_WORKFLOWS,
      maxConcurrentActivityTaskExecutions: ACTIVITIES_AT_ONCE,
      // How long the tasks of a killed worker wait for it before another one gets them.
      stickyQueueScheduleToStartTimeout: '2s',
      shutdownGraceTime: '5s',
      shutdownForceTime: '15s',
    });
    thread.workerIsThere();
    if (stopped.aborted) return;
    connection.keepFresh([worker]);
    tell({ state: 'running' });
    await worker.run();
  } catch (error) {
    tell({ state: 'failed', problem: error instanceof Error ? error.message : String(error) });
    throw error;
  } finally {
    await connection.close();
  }
}
