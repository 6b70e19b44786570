/** Takes an attachment out of its network's membership, off the host, out of the records. */
import type { RecordInput, RemovalToken } from '../../activities/control/control-contract.ts';
import { networkKey, type NetworkRef } from '../../domain/network-selection.ts';
import type { RecordedAttachment } from '../../domain/plan/observation.ts';
import type { StepFailure } from '../../domain/records.ts';
import { controlStep, nodeStep, type RunContext } from '../steps/run-context.ts';
import type { TaskContext } from './task-context.ts';
import { detachStep } from './link-steps.ts';
import { entombWhenNodeIsGone } from './node-gone.ts';
import { Refused } from '../steps/outcome.ts';

type Attachment = Pick<RecordedAttachment, 'kind' | 'node' | 'sandboxId' | 'interfaceName' | 'network'>;

/**
 * @param why an `undo` gives an adopted link back
 * @param isLast nothing follows in this task
 * @returns why the host refuses the removal, if the host does
 * @throws Interrupted, Stale
 */
export async function detach(
  context: TaskContext,
  attachment: Attachment,
  why: 'wanted' | 'undo',
  isLast = false,
): Promise<StepFailure | undefined> {
  const { pod, observation, report, records } = context;
  const { kind, node, sandboxId, interfaceName, network } = attachment;
  const input: RecordInput = { ...pod, node, sandboxId, interfaceName, modRevision: '' };
  report.show('begin-removal', '', 'Detaching', network);
  const removal = await records.beginRemoval(input);
  // The intent is recorded before anything is made: where nothing is recorded, nothing was made.
  if (removal === undefined) return undefined;
  const { attachedTo, ...token } = removal;
  const podIsLive = observation.presence === 'live';
  const peers = new Peers(context, kind === 'vxlan' ? network : undefined);
  if (!podIsLive) await peers.tell();

  try {
    const circumstances = { podIsLive, nodeIsAway: (): boolean => report.nodeIsAway };
    const remove = (): Promise<void> => removeLink(context, attachment, token, why, peers);
    const entombed = await entombWhenNodeIsGone(context, input, circumstances, remove);
    if (entombed) return undefined;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    await peers.tell();
    return error.failure;
  }

  report.show('forget', '', 'Detaching', network);
  const announce = (): void => {
    if (attachedTo !== undefined)
      report.detached.push({ interfaceName, network: attachedTo, revision: token.modRevision });
  };
  await records.forget({ ...input, modRevision: token.modRevision, tellsMesh: peers.mustBeTold }, announce, isLast);
  report.show('detached', '', undefined, network);
  return undefined;
}

/** The step on the node. @throws Interrupted, Stale, Refused */
async function removeLink(
  context: TaskContext,
  { kind, node, sandboxId, interfaceName, network }: Attachment,
  { generation, modRevision }: RemovalToken,
  why: 'wanted' | 'undo',
  peers: Peers,
): Promise<void> {
  const { pod, report } = context;
  const step = detachStep(kind, interfaceName, networkKey(network), node);
  const unadopt = kind === 'vxlan' ? { unadopt: why === 'undo' } : {};
  const task = { node, podUid: pod.uid, sandboxId, interfaceName, generation, modRevision, ...unadopt };
  report.show(step.step, `removing ${interfaceName}`, 'Detaching', network);
  const { warning } = await nodeStep(context, {
    ...step,
    node,
    invoke: step.invoke(task),
    onCondition: async (stepCondition) => {
      await peers.tell();
      await report.stepCondition(step.step, network, generation, stepCondition);
    },
    onWait: (failure) => report.waits(step.step, network, failure),
  });
  if (warning !== undefined) report.left.push({ interfaceName, warning, revision: modRevision });
}

/**
 * The other nodes of the mesh that an attachment leaves. When the pod has ended, these nodes are told at once, whatever the pod's own node
 * does. When a living pod gives up a network, they are told with the last record, or as soon as the removal takes long.
 */
class Peers {
  readonly #context: RunContext;
  #network: NetworkRef | undefined;

  /** @param network undefined: no mesh, as of a CNI network */
  constructor(context: RunContext, network: NetworkRef | undefined) {
    this.#context = context;
    this.#network = network;
  }

  get mustBeTold(): boolean {
    return this.#network !== undefined;
  }

  /** Once. @throws Interrupted */
  async tell(): Promise<void> {
    const network = this.#network;
    if (network === undefined) return;
    this.#network = undefined;
    await controlStep(this.#context, (control) =>
      control.leaveMesh.executeWithOptions({ summary: `leave mesh ${networkKey(network)}` }, [network]),
    );
  }
}
