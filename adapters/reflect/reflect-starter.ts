/** Starts and signals the reflection's runs, and looks at them for people. */
import type { Client } from '@temporalio/client';
import {
  REFLECT,
  REFLECT_DIRTY,
  REFLECT_RESYNC,
  REFLECT_VIEW,
  reflectWorkflowId,
  type DirtyRequest,
  type ReflectInput,
  type ReflectSource,
  type ReflectView,
  type ResyncRequest,
  type ResyncProgress,
} from '../../domain/reflect/messages.ts';
import { atMostMs } from '../concurrency/call-limit.ts';
import { temporalUnavailable } from '../temporal/connection.ts';
import { signalWithStart } from '../temporal/pod-starter.ts';

const DEADLINE_MS = 5_000;

/**
 * @param taskQueue whose workers take a run that is started; the orchestrators' when left out
 * @throws PodwireError `TemporalUnavailable`; the signal may have been taken all the same
 */
export async function signalDirty(
  client: Client,
  source: ReflectSource,
  names: readonly string[],
  taskQueue?: string,
): Promise<string> {
  const request: DirtyRequest = { names };
  return signal(client, source, { name: REFLECT_DIRTY, request, taskQueue });
}

/**
 * @param taskQueue whose workers take a run that is started; the orchestrators' when left out
 * @throws PodwireError `TemporalUnavailable`; the signal may have been taken all the same
 */
export async function signalResync(
  client: Client,
  source: ReflectSource,
  reason: string,
  taskQueue?: string,
): Promise<string> {
  const request: ResyncRequest = { reason };
  return signal(client, source, { name: REFLECT_RESYNC, request, taskQueue });
}

interface ReflectSignal {
  readonly name: string;
  readonly request: object;
  readonly taskQueue: string | undefined;
}

function signal(client: Client, source: ReflectSource, { name, request, taskQueue }: ReflectSignal): Promise<string> {
  const input: ReflectInput = { source };
  return signalWithStart(client, {
    ...{ type: REFLECT, workflowId: reflectWorkflowId(source), input, signal: name, request },
    ...{ attributes: [], summary: `${source} objects to etcd` },
    ...(taskQueue === undefined ? {} : { taskQueue }),
  });
}

export interface SeenReflection {
  /** Undefined: no run is open, nothing is to be done. */
  readonly view: ReflectView | undefined;
  /** Of the resync that is under way. */
  readonly progress: ResyncProgress | undefined;
}

/** The run as it is now. @throws PodwireError `TemporalUnavailable`, also when no orchestrator answers the query */
export async function seeReflection(client: Client, source: ReflectSource): Promise<SeenReflection> {
  const handle = client.workflow.getHandle(reflectWorkflowId(source));
  try {
    return await client.withDeadline(Date.now() + atMostMs(DEADLINE_MS), async () => {
      const described = await handle.describe();
      if (described.status.name !== 'RUNNING') return { view: undefined, progress: undefined };
      const view = await handle.query<ReflectView>(REFLECT_VIEW);
      const pending = described.raw.pendingActivities?.find(({ activityId }) => activityId === `resync-${source}`);
      const data = pending?.heartbeatDetails?.payloads?.[0]?.data;
      return { view, progress: data === null || data === undefined ? undefined : progressOf(data) };
    });
  } catch (error) {
    if (error instanceof Error && error.name === 'WorkflowNotFoundError')
      return { view: undefined, progress: undefined };
    throw temporalUnavailable(`look at ${reflectWorkflowId(source)} (is an orchestrator running?)`, error);
  }
}

/** Undefined when the heartbeat says nothing yet. */
function progressOf(data: Uint8Array): ResyncProgress | undefined {
  try {
    const progress = JSON.parse(Buffer.from(data).toString('utf8')) as ResyncProgress | null;
    return typeof progress?.phase === 'string' ? progress : undefined;
  } catch {
    return undefined;
  }
}
