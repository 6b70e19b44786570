/** Looks into pods through Temporal: one run per portion of one place's pods. */
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { WorkflowFailedError, type Client } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import {
  MAX_PODS_PER_LOOK,
  POD_LOOK,
  type LookBatchInput,
  type LookBatchResult,
  type PodAnswers,
} from '../../domain/look-batch.ts';
import { CONTROL_QUEUE } from '../../domain/messages.ts';
import type { LookInput } from '../../domain/ports/pod-look.ts';
import { temporalUnavailable } from './connection.ts';

/** Nobody there answers, or not as it should; the message says who. */
class PlaceSilent extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PlaceSilent';
  }
}

const unpack = promisify(gunzip);

const RUN_LIMIT = '75s' as const;
const DEADLINE_MS = 90_000;

/**
 * What the pods of one place answer, in their order.
 * @throws PlaceSilent; PodwireError `TemporalUnavailable`
 */
export async function lookAt(client: Client, place: string, pods: readonly LookInput[]): Promise<PodAnswers[]> {
  const answers: PodAnswers[] = [];
  while (answers.length < pods.length) {
    const portion = pods.slice(answers.length, answers.length + MAX_PODS_PER_LOOK);
    const { packed, answered } = await runLook(client, { place, pods: portion });
    if (answered === 0) throw new PlaceSilent(`${place} gives no answers; is its podwire worker of this version?`);
    answers.push(...(await unpackAnswers(packed)));
  }
  return answers;
}

/** The other end of `LookBatchResult.packed`. */
export const unpackAnswers = async (packed: string): Promise<PodAnswers[]> =>
  JSON.parse((await unpack(Buffer.from(packed, 'base64'))).toString()) as PodAnswers[];

async function runLook(client: Client, input: LookBatchInput): Promise<LookBatchResult> {
  const { place, pods } = input;
  try {
    return await client.withDeadline(Date.now() + DEADLINE_MS, () =>
      client.workflow.execute<(input: LookBatchInput) => Promise<LookBatchResult>>(POD_LOOK, {
        workflowId: `look/${place}/${randomUUID()}`,
        taskQueue: CONTROL_QUEUE,
        args: [input],
        workflowRunTimeout: RUN_LIMIT,
        staticSummary: `look into ${pods.length} pods at ${place}`.slice(0, 180),
      }),
    );
  } catch (cause) {
    if (!(cause instanceof WorkflowFailedError)) throw temporalUnavailable(`look into pods at ${place}`, cause);
    throw new PlaceSilent(whyFailed(cause, place), { cause });
  }
}

function whyFailed({ cause }: WorkflowFailedError, place: string): string {
  if (cause instanceof TimeoutFailure) return `no orchestrator took the look into pods at ${place}`;
  const inner = cause instanceof ActivityFailure ? cause.cause : cause;
  if (inner instanceof TimeoutFailure) return `${place}: no podwire worker answers`;
  const type = inner instanceof ApplicationFailure ? `${inner.type ?? 'failed'}: ` : '';
  return `${place}: ${type}${inner?.message ?? 'failed'}`;
}
