/** Calls to servers, timed for whoever keeps the figures. */
import { PodwireError } from '../../domain/failures.ts';

/** Hears of a call that has ended. @param call of a small fixed set @param outcome `ok`, or of a small fixed set as well */
export type CallObserver = (call: string, outcome: string, seconds: number) => void;

/** The failure's code, of which there are as many as `FAILURES` has; `Unexpected` for every other error. */
const failureOutcome = (error: unknown): string => (error instanceof PodwireError ? error.code : 'Unexpected');

/**
 * Makes the call, and tells `observe` how it ended. Results and errors pass unchanged.
 * @param outcomeOf of an answer; without it every answer is `ok`
 */
export async function timedCall<T>(
  observe: CallObserver,
  name: string,
  call: () => Promise<T>,
  outcomeOf: (answer: T) => string = () => 'ok',
): Promise<T> {
  const start = performance.now();
  const tell = (outcome: string): void => observe(name, outcome, (performance.now() - start) / 1_000);
  try {
    const answer = await call();
    tell(outcomeOf(answer));
    return answer;
  } catch (error) {
    tell(failureOutcome(error));
    throw error;
  }
}
