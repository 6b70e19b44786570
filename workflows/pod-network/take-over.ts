/** Makes an interface podwire's that another runtime attached and that the annotation asks for no more. The next round removes it (ADR 41). */
import { networkKey } from '../../domain/network-selection.ts';
import type { AttachmentTask } from '../../domain/plan/plan.ts';
import { nodeStep } from '../steps/run-context.ts';
import type { TaskContext } from './task-context.ts';
import { Refused } from '../steps/outcome.ts';

const STEP = 'take-over';

/** @throws Interrupted, Stale */
export async function takeOver(
  context: TaskContext,
  { interfaceName, network, sandboxId }: NonNullable<AttachmentTask['takeOver']>,
): Promise<'taken-over' | 'refused'> {
  const { pod, observation, report } = context;
  const { node, runtimeUid } = observation;
  const { uid: podUid, namespace, name } = pod;
  report.show(STEP, `taking over ${interfaceName}`, undefined, network);
  const input = { node, podUid, ...(runtimeUid && { runtimeUid }), namespace, name, sandboxId, interfaceName, network };
  try {
    await nodeStep(context, {
      node,
      activityId: `take-over-${interfaceName}`,
      summary: `take over ${interfaceName} of ${networkKey(network)} on ${node}`,
      invoke: (proxy, options) => proxy.takeOverForeign.executeWithOptions(options, [input]),
      onCondition: (stepCondition) => report.stepCondition(STEP, network, 0, stepCondition),
      onWait: (failure) => report.waits(STEP, network, failure),
    });
    report.show(STEP, '', undefined, network);
    return 'taken-over';
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return report.refuse(network, error.failure);
  }
}
