/** Looks into pods through Temporal: one run per portion of one target's pods. */
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { WorkflowFailedError, type Client } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import {
  MAX_PODS_PER_INSPECTION,
  POD_LOOK,
  type InspectBatchInput,
  type InspectBatchResult,
  type PodAnswers,
} from '../../domain/inspect/inspect-batch.ts';
import { CONTROL_QUEUE } from '../../domain/messages.ts';
import type { InspectInput } from '../../domain/ports/inspect-pod.ts';
import { temporalUnavailable } from './connection.ts';

/** Nobody there answers, or not as it should; the message says who. */
class TargetSilent extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PlaceSilent';
  }
}

const unpack = promisify(gunzip);

const RUN_LIMIT = '75s' as const;
const DEADLINE_MS = 90_000;

/**
 * What the pods of one target answer, in their order.
 * @throws TargetSilent; PodwireError `TemporalUnavailable`
 */
export async function inspectAt(client: Client, target: string, pods: readonly InspectInput[]): Promise<PodAnswers[]> {
  const answers: PodAnswers[] = [];
  while (answers.length < pods.length) {
    const portion = pods.slice(answers.length, answers.length + MAX_PODS_PER_INSPECTION);
    const { packed, answered } = await runInspection(client, { place: target, pods: portion });
    if (answered === 0) throw new TargetSilent(`${target} gives no answers; is its podwire worker of this version?`);
    answers.push(...(await unpackAnswers(packed)));
  }
  return answers;
}

/** The other end of `InspectBatchResult.packed`. */
export const unpackAnswers = async (packed: string): Promise<PodAnswers[]> =>
  JSON.parse((await unpack(Buffer.from(packed, 'base64'))).toString()) as PodAnswers[];

async function runInspection(client: Client, input: InspectBatchInput): Promise<InspectBatchResult> {
  const { place: target, pods } = input;
  try {
    return await client.withDeadline(Date.now() + DEADLINE_MS, () =>
      client.workflow.execute<(input: InspectBatchInput) => Promise<InspectBatchResult>>(POD_LOOK, {
        workflowId: `look/${target}/${randomUUID()}`,
        taskQueue: CONTROL_QUEUE,
        args: [input],
        workflowRunTimeout: RUN_LIMIT,
        staticSummary: `look into ${pods.length} pods at ${target}`.slice(0, 180),
      }),
    );
  } catch (cause) {
    if (!(cause instanceof WorkflowFailedError)) throw temporalUnavailable(`look into pods at ${target}`, cause);
    throw new TargetSilent(whyFailed(cause, target), { cause });
  }
}

function whyFailed({ cause }: WorkflowFailedError, target: string): string {
  if (cause instanceof TimeoutFailure) return `no orchestrator took the look into pods at ${target}`;
  const inner = cause instanceof ActivityFailure ? cause.cause : cause;
  if (inner instanceof TimeoutFailure) return `${target}: no podwire worker answers`;
  const type = inner instanceof ApplicationFailure ? `${inner.type ?? 'failed'}: ` : '';
  return `${target}: ${type}${inner?.message ?? 'failed'}`;
}
