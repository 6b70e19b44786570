/**
 * A pod that ended on a node that does not answer: the pod's records wait until the node is surely gone (ADR 32), that is, until two live
 * reads some minutes apart have found no Node object. Then the records become tombstones, which the node drops if it ever returns.
 */
import { CancellationScope, condition } from '@temporalio/workflow';
import type { RecordInput } from '../../activities/control/control-contract.ts';
import { controlStep, type RunContext } from '../steps/run-context.ts';
import { Interrupted } from '../steps/outcome.ts';

interface Circumstances {
  /** The pod still lives: then nobody looks for the node, and the removal just waits. */
  readonly podIsLive: boolean;
  /** The node was seen not to answer; before that nobody needs to look for the node. */
  readonly nodeIsAway: () => boolean;
}

/** Looks at one node before the run is restarted with a fresh history. */
const MAX_LOOKS = 100;

/**
 * Runs a removal until it ends or its node is surely gone. True: the record was set aside as a tombstone and the removal given up.
 * Returns and throws only when the removal is over: the next activity with the same id must not start beside this one.
 * @throws what the removal throws, Interrupted
 */
export async function entombWhenNodeIsGone(
  context: RunContext,
  input: RecordInput,
  circumstances: Circumstances,
  remove: () => Promise<unknown>,
): Promise<boolean> {
  if (circumstances.podIsLive) {
    await remove();
    return false;
  }
  let over = false;
  const scope = new CancellationScope();
  const ended = scope.run(remove).finally(() => {
    over = true;
  });
  const watch = CancellationScope.nonCancellable(() => nodeIsGone(context, input.node, circumstances, () => over));
  const gone = await Promise.race([ended.then(() => false), watch]);
  if (gone) scope.cancel();
  try {
    await ended;
    return false;
  } catch (error) {
    if (!gone || !(error instanceof Interrupted)) throw error;
  }
  return controlStep(context, (control) =>
    control.entombAttachment.executeWithOptions({ summary: `set aside: node ${input.node} is gone` }, [input]),
  );
}

/** False: the removal is over, or requests are about to end it. */
async function nodeIsGone(
  context: RunContext,
  node: string,
  { nodeIsAway }: Circumstances,
  over: () => boolean,
): Promise<boolean> {
  await condition(() => over() || nodeIsAway());
  let absent = 0;
  for (let look = 0; look < MAX_LOOKS && !over(); look += 1) {
    const answer = await lookAt(context, node);
    if (answer === undefined) return false;
    absent = answer.exists ? 0 : absent + 1;
    if (absent >= 2) return true;
    await condition(() => over() || context.wake.raised, `${answer.lookAgainAfterSeconds}s`);
    if (context.wake.raised) return false;
  }
  if (!over()) context.wake.change();
  return false;
}

/** Undefined when requests came in first. */
async function lookAt(
  context: RunContext,
  node: string,
): Promise<{ exists: boolean; lookAgainAfterSeconds: number } | undefined> {
  try {
    return await controlStep(context, (control) =>
      control.readNode.executeWithOptions({ summary: `does node ${node} still exist?` }, [{ node }]),
    );
  } catch (error) {
    if (error instanceof Interrupted) return undefined;
    throw error;
  }
}
