/** Control activities of runs that no request interrupts. */
import { condition } from '@temporalio/workflow';
import * as options from './activity-options.ts';
import { classify } from './outcome.ts';

/**
 * Repeats a control activity until it succeeds, with a pause that doubles; the run waits as long as a dependency is away.
 * @param patient for every try but the first: each of several calls may be slow although none of them hangs
 * @throws CancelledFailure
 */
export async function untilDone<Control, Result>(
  first: Control,
  patient: Control,
  call: (proxy: Control) => Promise<Result>,
): Promise<Result> {
  let pause: number = options.CONTROL_PAUSE_SECONDS.first;
  for (let proxy = first; ; proxy = patient) {
    try {
      return await call(proxy);
    } catch (error) {
      if (classify(error).kind === 'cancelled') throw error;
      await condition(() => false, `${pause}s`);
      pause = Math.min(pause * 2, options.CONTROL_PAUSE_SECONDS.longest);
    }
  }
}
