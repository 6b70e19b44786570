/** Many looks in one activity, for any backend that can look into one pod. */
import { gzip } from 'node:zlib';
import { promisify } from 'node:util';
import { PodwireError } from '../../../domain/failures.ts';
import type { InspectBatchInput, InspectBatchResult, PodAnswers } from '../../../domain/inspect/inspect-batch.ts';
import type { InspectInput, InspectResult } from '../../../domain/ports/inspect-pod.ts';
import { eachWithLimit } from '../../../domain/concurrency/with-limit.ts';
import type { Step } from '../with-heartbeat.ts';

const pack = promisify(gzip);

/** Text of that size is a few hundred kilobytes when packed: forwarding tables repeat themselves. Payloads may have two megabytes. */
const MAX_TEXT = 4 * 1024 * 1024;

/**
 * @param lookOne looks into one pod
 * @param atOnce pods looked into at the same time
 */
export function createInspectBatch(
  lookOne: Step<InspectInput, InspectResult>,
  atOnce: number,
): Step<InspectBatchInput, InspectBatchResult> {
  return async ({ pods }, signal) => {
    const answered: PodAnswers[] = [];
    let size = 0;
    // In portions, so that what would not fit is not asked for.
    while (answered.length < pods.length && size < MAX_TEXT) {
      const portion = pods.slice(answered.length, answered.length + atOnce * 4);
      const outcomes = await eachWithLimit(portion, atOnce, (pod) => answersOf(lookOne, pod, signal));
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') throw outcome.reason;
        answered.push(outcome.value);
        size += sizeOf(outcome.value);
      }
    }
    const packed = await pack(JSON.stringify(answered));
    return { answered: answered.length, packed: packed.toString('base64') };
  };
}

async function answersOf(
  lookOne: Step<InspectInput, InspectResult>,
  pod: InspectInput,
  signal: AbortSignal,
): Promise<PodAnswers> {
  try {
    const { answers } = await lookOne(pod, signal);
    return { answers: answers.map((answer) => answer ?? null) };
  } catch (error) {
    if (signal.aborted || !(error instanceof PodwireError)) throw error;
    return { failure: { code: error.code, message: error.message } };
  }
}

const sizeOf = (pod: PodAnswers): number =>
  'answers' in pod ? pod.answers.reduce((sum, answer) => sum + (answer?.length ?? 0), 0) : 0;
