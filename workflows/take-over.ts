/** Makes an interface podwire's that another runtime attached and that the annotation asks for no more. The next round removes it (ADR 41). */
import { networkKey } from '../domain/network-selection.ts';
import type { Lane } from '../domain/plan.ts';
import { nodeStep } from './context.ts';
import type { LaneContext } from './lane-context.ts';
import { Refused } from './outcome.ts';

const STEP = 'take-over';

/** @throws Interrupted, Stale */
export async function takeOver(
  context: LaneContext,
  { interfaceName, network, sandboxId }: NonNullable<Lane['takeOver']>,
): Promise<'taken-over' | 'refused'> {
  const { pod, observation, news } = context;
  const { node, runtimeUid } = observation;
  const { uid: podUid, namespace, name } = pod;
  news.show(STEP, `taking over ${interfaceName}`, undefined, network);
  const input = { node, podUid, ...(runtimeUid && { runtimeUid }), namespace, name, sandboxId, interfaceName, network };
  try {
    await nodeStep(context, {
      node,
      activityId: `take-over-${interfaceName}`,
      summary: `take over ${interfaceName} of ${networkKey(network)} on ${node}`,
      invoke: (proxy, options) => proxy.takeOverForeign.executeWithOptions(options, [input]),
      onTrouble: (trouble) => news.trouble(STEP, network, 0, trouble),
      onWait: (failure) => news.waits(STEP, network, failure),
    });
    news.show(STEP, '', undefined, network);
    return 'taken-over';
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return news.refuse(network, error.failure);
  }
}
