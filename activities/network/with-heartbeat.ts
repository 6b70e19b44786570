/** Makes an activity of a step: heartbeats while it runs, and a cancellation that reaches its child processes. */
import { CancelledFailure, Context } from '@temporalio/activity';
import { toApplicationFailure } from '../failure-mapping.ts';

/**
 * The server learns of a dead worker, and the worker of a cancellation, through heartbeats (ADR 33). Each is a write of the server's,
 * and most steps end before the first, also in a burst; a cancellation is to be known within a second.
 */
const FIRST_HEARTBEAT_MS = 600;
const HEARTBEAT_MS = 250;

/** A step's work; `signal` is aborted when the activity is cancelled or the worker shuts down. */
export type Step<Input, Output> = (input: Input, signal: AbortSignal) => Promise<Output>;

/** Fails with ApplicationFailure (see failure-mapping), or CancelledFailure when it gave way to a cancellation. */
export function withHeartbeat<Input, Output>(step: Step<Input, Output>): (input: Input) => Promise<Output> {
  return async (input) => {
    const context = Context.current();
    let timer = setTimeout(() => {
      context.heartbeat();
      timer = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
    }, FIRST_HEARTBEAT_MS);
    try {
      return await step(input, context.cancellationSignal);
    } catch (error) {
      // After a cancellation every failure is a consequence of it.
      if (context.cancellationSignal.aborted) throw new CancelledFailure('cancelled');
      throw toApplicationFailure(error);
    } finally {
      clearInterval(timer);
    }
  };
}
