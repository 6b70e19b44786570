/** An edit of an attached link that was refused or given up: the link becomes again what it was (ADR 18). */
import type { RecordInput } from '../activities/control/inputs.ts';
import { networkKey, type NetworkRef } from '../domain/network-selection.ts';
import { MESSAGE_VERSION } from '../domain/messages.ts';
import { control, controlStep, nodeStep, type RunContext, type Trouble } from './context.ts';
import type { LaneContext } from './lane-context.ts';
import { attachStep } from './link-steps.ts';
import { Refused, Stale } from './outcome.ts';

interface EditedLink {
  readonly node: string;
  readonly sandboxId: string;
  readonly interfaceName: string;
  readonly network: NetworkRef;
}

/**
 * `back`: the link is as it was. `refused`: what it was is refused as well; it stays as it is, and the next sweep has it tried again: no link
 * that may work goes because of a mistake. `nothing`: nothing is recorded that could be gone back to.
 */
type TakenBack = 'back' | 'refused' | 'nothing';

/** @throws Interrupted, Stale */
export async function takeBack(
  { run, news }: LaneContext,
  { node, sandboxId, interfaceName, network }: EditedLink,
): Promise<TakenBack> {
  news.show('take-back', `${interfaceName} becomes again what it was`, undefined, network);
  const link = { node, sandboxId, interfaceName, network };
  const outcome = await makeAsItWas(run, link, (step, generation, trouble) =>
    news.trouble(step, network, generation, trouble),
  );
  if (outcome === undefined) throw new Stale('the record was written by somebody else');
  if (outcome === 'back') news.show('attached', 'as it was', undefined, network);
  return outcome;
}

/**
 * @param onTrouble told as `NodeStep.onTrouble` is, with the generation that is being attached
 * @returns undefined: somebody else wrote the record meanwhile
 * @throws Interrupted, Stale
 */
async function makeAsItWas(
  context: RunContext,
  { network, ...link }: EditedLink,
  onTrouble: (step: string, generation: number, trouble: Trouble) => Promise<void>,
): Promise<TakenBack | undefined> {
  const { node, sandboxId, interfaceName } = link;
  const input: RecordInput = { ...context.pod, ...link, modRevision: '' };
  const token = await controlStep(context, () =>
    control.takeBackIntent.executeWithOptions({ summary: `take back the edit of ${interfaceName}` }, [input]),
  );
  if (token === undefined) return 'nothing';
  const { generation, modRevision } = token;
  const step = attachStep('vxlan', interfaceName, networkKey(network), node);
  const task = { v: MESSAGE_VERSION, node, podUid: context.pod.uid, sandboxId, interfaceName, generation, modRevision };
  try {
    const result = await nodeStep(context, {
      ...step,
      node,
      summary: `${step.summary}, as it was`,
      invoke: step.invoke(task),
      onTrouble: (trouble) => onTrouble(step.step, generation, trouble),
    });
    const recorded = await controlStep(context, () =>
      control.recordResult.executeWithOptions({ summary: `record result: ${interfaceName}, as it was` }, [
        { ...input, modRevision, result, tellsMesh: true },
      ]),
    );
    return recorded ? 'back' : undefined;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { failure } = error;
    await controlStep(context, () =>
      control.recordFailure.executeWithOptions({ summary: `${interfaceName}: ${failure.code}` }, [
        { ...context.pod, interfaceName, generation, failure },
      ]),
    );
    return 'refused';
  }
}
