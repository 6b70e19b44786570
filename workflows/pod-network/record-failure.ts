/** Records why a step fails, for the pod's status and events. */
import type { StepFailure } from '../../domain/records.ts';
import { controlStep, type RunContext } from '../steps/run-context.ts';

/** @param generation of the attachment, 0 where there is none yet. @throws Interrupted */
export const recordFailure = (
  context: RunContext,
  interfaceName: string,
  generation: number,
  failure: StepFailure,
): Promise<void> =>
  controlStep(context, (control) =>
    control.recordFailure.executeWithOptions({ summary: `${interfaceName}: ${failure.code}` }, [
      { ...context.pod, interfaceName, generation, failure },
    ]),
  );
