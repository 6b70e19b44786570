/** Attaches a network: intent, link, result. The undo of a step is pushed before the step; a refusal runs the undos, the last one first. */
import { workflowInfo } from '@temporalio/workflow';
import { awaitedOf, type Awaited } from '../domain/awaited.ts';
import { editedLink, knownLink } from '../domain/edited-link.ts';
import type { FailureCode } from '../domain/failures.ts';
import { intentRequest } from '../domain/intent-request.ts';
import { networkKey } from '../domain/network-selection.ts';
import type { WishedAttachment } from '../domain/observation.ts';
import type { StepFailure } from '../domain/records.ts';
import { nodeStep } from './context.ts';
import { detach } from './detach.ts';
import type { LaneContext } from './lane-context.ts';
import { attachStep } from './link-steps.ts';
import { Refused, Stale } from './outcome.ts';
import { takeBack } from './take-back.ts';

const INTERFACE_CONFLICT: FailureCode = 'InterfaceConflict';

/** What an attach has come to so far. */
interface Attempt {
  readonly undo: (() => Promise<StepFailure | undefined>)[];
  /** What a refusal waits for. */
  awaited: Awaited;
}

/** @throws Interrupted, Stale */
export async function attach(
  context: LaneContext,
  wish: WishedAttachment,
  sandboxId: string,
): Promise<'done' | 'refused' | 'renamed'> {
  const attempt: Attempt = { undo: [], awaited: {} };
  try {
    await attachSteps(context, wish, sandboxId, attempt);
    return 'done';
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return refused(context, wish, sandboxId, attempt, error);
  }
}

async function refused(
  context: LaneContext,
  wish: WishedAttachment,
  sandboxId: string,
  { undo, awaited }: Attempt,
  { failure, awaited: more }: Refused,
): Promise<'refused' | 'renamed'> {
  const { news } = context;
  const { network } = wish;
  news.show('undo', failure.message, 'Refused', network);
  if (!(await keepsLink(context, sandboxId))) for (const step of undo.reverse()) await step();
  if (wish.mayBeRenamed !== true || failure.code !== INTERFACE_CONFLICT)
    return news.refuse(network, failure, { ...awaited, ...more });
  return news.passOverName(network, failure);
}

/** Whether the link that was to be changed stays. It was attached before, and the edit has been taken back as far as possible. */
async function keepsLink(context: LaneContext, sandboxId: string): Promise<boolean> {
  const edited = editedLink(context.lane, context.observation, sandboxId);
  return edited !== undefined && (await takeBack(context, edited)) !== 'nothing';
}

/** Whether the link is still attached as it was, because the intent of its edit could not be recorded. */
const standsUntouched = ({ lane, observation }: LaneContext, sandboxId: string): boolean =>
  editedLink(lane, observation, sandboxId)?.phase === 'attached';

/** @throws Interrupted, Stale, Refused */
async function attachSteps(
  context: LaneContext,
  wish: WishedAttachment,
  sandboxId: string,
  attempt: Attempt,
): Promise<void> {
  const { pod, observation, lane, news, records } = context;
  const { node } = observation;
  const { kind, interfaceName, network } = wish;
  const { undo } = attempt;
  const { workflowId, runId } = workflowInfo();
  const known = knownLink(observation, lane.interfaceName, sandboxId);
  const edited = editedLink(lane, observation, sandboxId);

  // An undo gives back a link that was there before podwire, whether this attach is the first one or not.
  undo.push(() => detach(context, { kind, node, sandboxId, interfaceName, network }, 'undo'));
  news.show('record-intent', '', undefined, network);
  const request = intentRequest(observation, wish, sandboxId, { workflowId, runId });
  const intent = records.begunIntent() ?? (await records.recordIntent({ ...pod, ...request }, networkKey(network)));
  if (intent.kind === 'stale') throw new Stale(intent.reason);
  // The refused intent wrote nothing, and the link that is attached stays.
  if (intent.kind === 'refused' && (lane.attach?.swaps === true || standsUntouched(context, sandboxId)))
    undo.length = 0;
  if (intent.kind === 'refused') throw new Refused({ code: intent.code, message: intent.message }, awaitedOf(intent));

  attempt.awaited = awaitedOf(intent);
  const { generation, modRevision } = intent;
  const step = attachStep(kind, interfaceName, networkKey(network), node);
  news.show(step.step, `making ${interfaceName}`, undefined, network);
  const result = await nodeStep(context, {
    ...step,
    node,
    invoke: step.invoke({ node, podUid: pod.uid, sandboxId, interfaceName, generation, modRevision }),
    onTrouble: async (trouble) => {
      // The old interface goes before plugins make the new one. An edit that is stuck is therefore given up: otherwise the pod would be
      // without either interface for as long as it takes.
      if (kind === 'cni' && trouble.state === 'Stuck' && edited !== undefined) throw new Refused(trouble.failure);
      await news.trouble(step.step, network, generation, trouble);
    },
    onWait: (failure) => news.waits(step.step, network, failure),
  });

  news.show('record-result', '', undefined, network);
  await records.recordResult({ ...pod, node, sandboxId, interfaceName, modRevision, result }, () => {
    if (edited?.kind === 'cni' && networkKey(edited.network) !== networkKey(network))
      news.detached.push({ interfaceName, network: edited.network, revision: modRevision });
    // A link that was only looked at again is no news to anybody.
    if (known?.unverified !== true) news.attached = { interfaceName, network };
  });
  news.show('attached', result.addresses.join(' '), undefined, network);
}
