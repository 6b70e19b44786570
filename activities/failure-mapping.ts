/** The one place where podwire's failures become Temporal's. */
import { ApplicationFailure } from '@temporalio/common';
import { PodwireError } from '../domain/failures.ts';

const MAX_MESSAGE = 1_000;

/**
 * A failure that a workflow understands: its type is the code. Terminal and stale ones are not retried by the server: the
 * owner has to be asked, or the world has to be observed again. Anything unknown is retried, as `Unexpected`.
 * No cause and no stack: both may hold what must not stay in a history.
 */
export function toApplicationFailure(error: unknown): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error;
  const known = error instanceof PodwireError ? error : undefined;
  const message = error instanceof Error ? error.message : String(error);
  const failure = ApplicationFailure.create({
    type: known?.code ?? 'Unexpected',
    message: message.slice(0, MAX_MESSAGE),
    nonRetryable: known !== undefined && (known.retryClass === 'terminal' || known.retryClass === 'stale'),
  });
  failure.stack = '';
  return failure;
}
