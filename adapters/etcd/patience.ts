/**
 * When a connection to a member of etcd is given up.
 *
 * etcd3 closes it after each error that it calls recoverable, among them a deadline that passed. Behind a slow network the next call then
 * waits for a new connection first, meets its own deadline for that, and so on for ever; and one caller that had no time left takes the
 * connection away from all others. A connection that lost its other end without a word must be given up nevertheless: TCP would wait for
 * minutes.
 */
import type { IDefaultPolicyContext, IPolicy } from 'cockatiel';
import { GRPCCancelledError, GRPCDeadlineExceededError, RecoverableError } from 'etcd3';

/** Deadlines in a row, without one answer in between, after which a connection counts as dead. */
const DEAD_AFTER = 3;

/** The policy of one member, with that added. */
export function patient(policy: IPolicy): IPolicy {
  let unanswered = 0;
  const judged = async <T>(call: () => PromiseLike<T> | T): Promise<T> => {
    try {
      const answer = await call();
      unanswered = 0;
      return answer;
    } catch (error) {
      if (error instanceof GRPCDeadlineExceededError) unanswered += 1;
      if (keepsConnection(error, unanswered)) Reflect.deleteProperty(error, RecoverableError);
      else unanswered = 0;
      throw error;
    }
  };
  return {
    _altReturn: policy._altReturn,
    onSuccess: policy.onSuccess,
    onFailure: policy.onFailure,
    execute: (call, signal) => policy.execute((context: IDefaultPolicyContext) => judged(() => call(context)), signal),
  };
}

/** Whether an error says nothing against the connection. etcd3 looks for the property that is taken away. */
const keepsConnection = (error: unknown, unanswered: number): error is Error =>
  error instanceof GRPCCancelledError || (error instanceof GRPCDeadlineExceededError && unanswered < DEAD_AFTER);
