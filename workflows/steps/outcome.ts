/** How a step can end besides success. Thrown inside a task and caught by the task; never leaves the workflow. */
import { ActivityFailure, ApplicationFailure, TimeoutFailure, isCancellation } from '@temporalio/workflow';
import type { BlockedOn } from '../../domain/plan/blocked-on.ts';
import { FAILURES, type FailureCode, type RetryClass } from '../../domain/failures.ts';
import type { StepFailure } from '../../domain/records.ts';

/** Requests came in: stop here, observe and plan afresh. */
export class Interrupted extends Error {}
/** The world is not as the plan assumed: observe and plan afresh. */
export class Stale extends Error {}
/** The same desired network will fail again: undo, tell the owner. */
export class Refused extends Error {
  readonly failure: StepFailure;
  readonly blockedOn: BlockedOn;

  constructor(failure: StepFailure, blockedOn: BlockedOn = {}) {
    super(failure.message);
    this.failure = failure;
    this.blockedOn = blockedOn;
  }
}

export type Classified =
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'node-away' }
  | { readonly kind: RetryClass; readonly failure: StepFailure };

/** Sorts what an activity threw. */
export function classify(error: unknown): Classified {
  if (isCancellation(error)) return { kind: 'cancelled' };
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof TimeoutFailure) {
    if (cause.timeoutType === 'SCHEDULE_TO_START') return { kind: 'node-away' };
    return {
      kind: 'unknown-outcome',
      failure: { code: 'TimedOut', message: `no answer in time (${cause.timeoutType})` },
    };
  }
  if (cause instanceof ApplicationFailure) {
    const code = cause.type ?? 'Unknown';
    return { kind: FAILURES[code as FailureCode] ?? 'transient', failure: { code, message: cause.message } };
  }
  return {
    kind: 'transient',
    failure: { code: 'Unknown', message: error instanceof Error ? error.message : String(error) },
  };
}

/** Whether a step could not begin because another step works in the same sandbox: that says nothing about the step itself. */
export const isBusy = (outcome: Classified): outcome is Extract<Classified, { readonly failure: StepFailure }> =>
  'failure' in outcome && outcome.failure.code === ('SandboxBusy' satisfies FailureCode);
