/** What another runtime attached and the annotation asks for no more becomes podwire's, so that the next look takes it away (ADR 41). */
import { networkKey } from '../domain/network-selection.ts';
import type { Lane } from '../domain/plan.ts';
import { nodeStep } from './context.ts';
import type { LaneContext } from './lane-context.ts';
import { Refused } from './outcome.ts';

const STEP = 'take-over';

/** @throws Interrupted, Stale */
export async function takeOver(
  { run, observation, news }: LaneContext,
  { interfaceName, network, sandboxId }: NonNullable<Lane['takeOver']>,
): Promise<'taken-over' | 'refused'> {
  const { node, runtimeUid } = observation;
  const { uid: podUid, namespace, name } = run.pod;
  news.show(STEP, `taking over ${interfaceName}`, undefined, network);
  const input = { node, podUid, ...(runtimeUid && { runtimeUid }), namespace, name, sandboxId, interfaceName, network };
  try {
    await nodeStep(run, {
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
