/** An edit of an attached link that was refused or given up: the link becomes again what it was (ADR 18). */
import type { RecordInput } from '../activities/control/inputs.ts';
import { networkKey } from '../domain/network-selection.ts';
import type { KnownAttachment } from '../domain/observation.ts';
import { controlStep, nodeStep } from './context.ts';
import type { LaneContext } from './lane-context.ts';
import { attachStep } from './link-steps.ts';
import { Refused, Stale } from './outcome.ts';
import { recordFailure } from './record-failure.ts';

type EditedLink = Pick<KnownAttachment, 'kind' | 'node' | 'sandboxId' | 'interfaceName' | 'network'>;

/**
 * `back`: the link is as it was. `refused`: what it was is refused as well; it stays as it is, and the next sweep has it tried again: no link
 * that may work goes because of a mistake. `nothing`: nothing is recorded that could be gone back to.
 */
type TakenBack = 'back' | 'refused' | 'nothing';

/** @throws Interrupted, Stale */
export async function takeBack(context: LaneContext, link: EditedLink): Promise<TakenBack> {
  const { news } = context;
  news.show('take-back', `${link.interfaceName} becomes again what it was`, undefined, link.network);
  const outcome = await makeAsItWas(context, link);
  if (outcome === undefined) throw new Stale('the record was written by somebody else');
  if (outcome === 'back') news.show('attached', 'as it was', undefined, link.network);
  return outcome;
}

/**
 * @returns undefined: somebody else wrote the record meanwhile
 * @throws Interrupted, Stale
 */
async function makeAsItWas(
  { run, news }: LaneContext,
  { kind, node, sandboxId, interfaceName, network }: EditedLink,
): Promise<TakenBack | undefined> {
  const input: RecordInput = { ...run.pod, node, sandboxId, interfaceName, modRevision: '' };
  const token = await controlStep(run, (control) =>
    control.takeBackIntent.executeWithOptions({ summary: `take back the edit of ${interfaceName}` }, [input]),
  );
  if (token === undefined) return 'nothing';
  const { generation, modRevision } = token;
  const step = attachStep(kind, interfaceName, networkKey(network), node);
  const task = { node, podUid: run.pod.uid, sandboxId, interfaceName, generation, modRevision };
  try {
    const result = await nodeStep(run, {
      ...step,
      node,
      summary: `${step.summary}, as it was`,
      invoke: step.invoke(task),
      onTrouble: (trouble) => news.trouble(step.step, network, generation, trouble),
    });
    const recorded = await controlStep(run, (control) =>
      control.recordResult.executeWithOptions({ summary: `record result: ${interfaceName}, as it was` }, [
        { ...input, modRevision, result },
      ]),
    );
    return recorded ? 'back' : undefined;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    await recordFailure(run, interfaceName, generation, error.failure);
    return 'refused';
  }
}
