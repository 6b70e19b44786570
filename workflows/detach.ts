/** Takes an attachment out of its mesh, off the host, out of the records. */
import type { RecordInput } from '../activities/control/inputs.ts';
import { networkKey } from '../domain/network-selection.ts';
import type { KnownAttachment } from '../domain/observation.ts';
import type { StepFailure } from '../domain/records.ts';
import { controlStep, nodeStep } from './context.ts';
import type { LaneContext } from './lane-context.ts';
import { detachStep } from './link-steps.ts';
import { entombWhenNodeIsGone } from './node-gone.ts';
import { Refused } from './outcome.ts';

/**
 * @param why an `undo` gives an adopted link back
 * @param isLast nothing follows in this lane
 * @returns why the host refuses it, if it does
 * @throws Interrupted, Stale
 */
export async function detach(
  { run, observation, news, records }: LaneContext,
  record: Pick<KnownAttachment, 'kind' | 'node' | 'sandboxId' | 'interfaceName' | 'network'>,
  why: 'wanted' | 'undo',
  isLast = false,
): Promise<StepFailure | undefined> {
  const { kind, node, sandboxId, interfaceName, network } = record;
  const input: RecordInput = { ...run.pod, node, sandboxId, interfaceName, modRevision: '' };
  news.show('begin-removal', '', 'Detaching', network);
  const removal = await records.beginRemoval(input);
  // Nothing recorded, nothing made: the intent comes first.
  if (removal === undefined) return undefined;
  const { attachedTo, ...token } = removal;
  // A pod that has ended leaves its mesh at once, whatever its node does. Of a network that a living pod gives up the other nodes are
  // told when nobody waits for it any more, or when the removal takes long.
  let peersKnow = kind !== 'vxlan';
  const isLive = observation.presence === 'live';
  const tellPeers = async (): Promise<void> => {
    if (peersKnow) return;
    peersKnow = true;
    await controlStep(run, (control) =>
      control.leaveMesh.executeWithOptions({ summary: `leave mesh ${networkKey(network)}` }, [network]),
    );
  };
  if (!isLive) await tellPeers();

  const step = detachStep(kind, interfaceName, networkKey(network), node);
  news.show(step.step, `removing ${interfaceName}`, 'Detaching', network);
  const remove = async (): Promise<void> => {
    const { warning } = await nodeStep(run, {
      ...step,
      node,
      invoke: step.invoke({
        node,
        podUid: run.pod.uid,
        sandboxId,
        interfaceName,
        ...token,
        ...(kind === 'vxlan' ? { unadopt: why === 'undo' } : {}),
      }),
      onTrouble: async (trouble) => {
        await tellPeers();
        await news.trouble(step.step, network, token.generation, trouble);
      },
      onWait: (failure) => news.waits(step.step, network, failure),
    });
    if (warning !== undefined) news.left.push({ interfaceName, warning, revision: token.modRevision });
  };
  try {
    const circumstances = {
      podIsLive: isLive,
      nodeIsAway: (): boolean => news.nodeIsAway,
    };
    const entombed = await entombWhenNodeIsGone(run, input, circumstances, remove);
    if (entombed) return undefined;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    await tellPeers();
    return error.failure;
  }

  news.show('forget', '', 'Detaching', network);
  await records.forget({ ...input, modRevision: token.modRevision, tellsMesh: !peersKnow }, isLast);
  if (attachedTo !== undefined) news.detached.push({ interfaceName, network: attachedTo, revision: token.modRevision });
  news.show('detached', '', undefined, network);
  return undefined;
}
