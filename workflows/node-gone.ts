/**
 * A pod that ended on a node that does not answer: its records wait until the node is surely gone (decision 8), that is, its Node
 * object was absent in two live reads some minutes apart. Then they become tombstones, and the node drops them if it ever returns.
 */
import { CancellationScope, condition } from '@temporalio/workflow';
import type { RecordInput } from '../activities/control/inputs.ts';
import { MESSAGE_VERSION } from '../domain/messages.ts';
import { control, controlStep, type RunContext } from './context.ts';

interface Circumstances {
  /** The pod still lives: then its node is not looked for, the removal just waits. */
  readonly podIsLive: boolean;
  /** The node was seen not to answer; before that nobody needs to look for it. */
  readonly nodeIsAway: () => boolean;
}

/** Looks at one node before the run is restarted with a fresh history. */
const MAX_LOOKS = 100;

/**
 * Waits for a removal, or for its node to be surely gone. True: the record was set aside as a tombstone and the removal given up.
 * @throws what the removal throws, Interrupted
 */
export async function entombWhenNodeIsGone(
  context: RunContext,
  input: RecordInput,
  circumstances: Circumstances,
  remove: Promise<unknown>,
): Promise<boolean> {
  if (circumstances.podIsLive) {
    await remove;
    return false;
  }
  let over = false;
  const ended = remove.finally(() => {
    over = true;
  });
  const watch = new CancellationScope().run(() => nodeIsGone(context, input.node, circumstances, () => over));
  const gone = await Promise.race([ended.then(() => false), watch]);
  if (!gone) {
    await ended;
    return false;
  }
  return controlStep(context, () =>
    control.entombAttachment.executeWithOptions({ summary: `set aside: node ${input.node} is gone` }, [input]),
  );
}

async function nodeIsGone(
  context: RunContext,
  node: string,
  { nodeIsAway }: Circumstances,
  over: () => boolean,
): Promise<boolean> {
  await condition(() => over() || nodeIsAway());
  let absent = 0;
  for (let look = 0; look < MAX_LOOKS && !over(); look += 1) {
    const answer = await controlStep(context, () =>
      control.readNode.executeWithOptions({ summary: `does node ${node} still exist?` }, [
        { v: MESSAGE_VERSION, node },
      ]),
    );
    absent = answer.exists ? 0 : absent + 1;
    if (absent >= 2) return true;
    await condition(() => over() || context.wake.raised, `${answer.lookAgainAfterSeconds}s`);
  }
  if (!over()) context.wake.change();
  return false;
}
