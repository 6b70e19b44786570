/** An edit of an attached link that was refused or given up: the link is rolled back to what it was (ADR 18). */
import type { RecordInput } from '../../activities/control/control-contract.ts';
import { networkKey } from '../../domain/network-selection.ts';
import type { RecordedAttachment } from '../../domain/plan/observation.ts';
import { controlStep, nodeStep } from '../steps/run-context.ts';
import type { TaskContext } from './task-context.ts';
import { attachStep } from './link-steps.ts';
import { Refused, Stale } from '../steps/outcome.ts';
import { recordFailure } from './record-failure.ts';

type EditedLink = Pick<RecordedAttachment, 'kind' | 'node' | 'sandboxId' | 'interfaceName' | 'network'>;

/**
 * `back`: the link is as it was. `refused`: making the link as it was is refused as well. The link then stays as it is, and the next sweep has
 * it tried again: no link that may work is removed because of a mistake. `nothing`: no earlier form of the link is recorded.
 */
type RollBackOutcome = 'back' | 'refused' | 'nothing';

/** @throws Interrupted, Stale */
export async function rollBack(context: TaskContext, link: EditedLink): Promise<RollBackOutcome> {
  const { report } = context;
  report.show('take-back', `${link.interfaceName} becomes again what it was`, undefined, link.network);
  const outcome = await makeAsItWas(context, link);
  if (outcome === undefined) throw new Stale('the record was written by somebody else');
  if (outcome === 'back') report.show('attached', 'as it was', undefined, link.network);
  return outcome;
}

/**
 * @returns undefined: somebody else wrote the record meanwhile
 * @throws Interrupted, Stale
 */
async function makeAsItWas(
  context: TaskContext,
  { kind, node, sandboxId, interfaceName, network }: EditedLink,
): Promise<RollBackOutcome | undefined> {
  const { pod, report } = context;
  const input: RecordInput = { ...pod, node, sandboxId, interfaceName, modRevision: '' };
  const token = await controlStep(context, (control) =>
    control.takeBackIntent.executeWithOptions({ summary: `take back the edit of ${interfaceName}` }, [input]),
  );
  if (token === undefined) return 'nothing';
  const { generation, modRevision } = token;
  const step = attachStep(kind, interfaceName, networkKey(network), node);
  const task = { node, podUid: pod.uid, sandboxId, interfaceName, generation, modRevision };
  try {
    const result = await nodeStep(context, {
      ...step,
      node,
      summary: `${step.summary}, as it was`,
      invoke: step.invoke(task),
      onCondition: (stepCondition) => report.stepCondition(step.step, network, generation, stepCondition),
    });
    const recorded = await controlStep(context, (control) =>
      control.recordResult.executeWithOptions({ summary: `record result: ${interfaceName}, as it was` }, [
        { ...input, modRevision, result },
      ]),
    );
    return recorded ? 'back' : undefined;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    await recordFailure(context, interfaceName, generation, error.failure);
    return 'refused';
  }
}
