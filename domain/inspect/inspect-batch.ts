/** Looks into many pods of one target at once: one activity, however many pods. Public, as everything that crosses process borders. */
import type { FailureCode } from '../failures.ts';
import type { InspectInput } from '../ports/inspect-pod.ts';

export const POD_LOOK = 'podLook';

export interface InspectBatchInput {
  /** Whose queue: a node, or the exec backend's stand-in for it. */
  readonly place: string;
  readonly pods: readonly InspectInput[];
}

/** Asked of one activity at most; the rest is asked next. */
export const MAX_PODS_PER_INSPECTION = 250;

/** Null in place of an answer: the pod has no such link. */
export type PodAnswers =
  | { readonly answers: readonly (string | null)[] }
  | { readonly failure: { readonly code: FailureCode; readonly message: string } };

export interface InspectBatchResult {
  /** So many of the pods, from the first one on, were looked into: answers end where a payload would become too big. */
  readonly answered: number;
  /** JSON of their `PodAnswers`, compressed with gzip, in base64. */
  readonly packed: string;
}

export interface InspectBatchActivities {
  /** Pods that cannot be looked into are answered with why; fails only as a whole with CriUnavailable. Changes nothing. */
  lookIntoPods(input: InspectBatchInput): Promise<InspectBatchResult>;
}
