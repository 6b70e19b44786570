/**
 * Attaches a network: intent, link, result. The undo is pushed before the first step that needs it; a refusal runs it, or rolls an edit back.
 */
import { workflowInfo } from '@temporalio/workflow';
import { blockedOnOf, type BlockedOn } from '../../domain/plan/blocked-on.ts';
import { editedLink, recordedLink } from '../../domain/plan/edited-link.ts';
import type { FailureCode } from '../../domain/failures.ts';
import { intentRequest } from '../../domain/plan/intent-request.ts';
import { networkKey } from '../../domain/network-selection.ts';
import type { DesiredAttachment } from '../../domain/plan/observation.ts';
import type { StepFailure } from '../../domain/records.ts';
import { nodeStep } from '../steps/run-context.ts';
import { detach } from './detach.ts';
import type { TaskContext } from './task-context.ts';
import { attachStep } from './link-steps.ts';
import { Refused, Stale } from '../steps/outcome.ts';
import { rollBack } from './roll-back.ts';

const INTERFACE_CONFLICT: FailureCode = 'InterfaceConflict';

/** What an attach has come to so far. */
interface Attempt {
  readonly undo: (() => Promise<StepFailure | undefined>)[];
  /** What a refusal waits for. */
  blockedOn: BlockedOn;
}

/** @throws Interrupted, Stale */
export async function attach(
  context: TaskContext,
  desired: DesiredAttachment,
  sandboxId: string,
): Promise<'done' | 'refused' | 'renamed'> {
  const attempt: Attempt = { undo: [], blockedOn: {} };
  try {
    await attachSteps(context, desired, sandboxId, attempt);
    return 'done';
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return refused(context, desired, sandboxId, attempt, error);
  }
}

async function refused(
  context: TaskContext,
  desired: DesiredAttachment,
  sandboxId: string,
  { undo, blockedOn }: Attempt,
  { failure, blockedOn: more }: Refused,
): Promise<'refused' | 'renamed'> {
  const { report } = context;
  const { network } = desired;
  report.show('undo', failure.message, 'Refused', network);
  if (!(await keepsLink(context, sandboxId))) for (const step of undo.reverse()) await step();
  if (desired.mayBeRenamed !== true || failure.code !== INTERFACE_CONFLICT)
    return report.refuse(network, failure, { ...blockedOn, ...more });
  return report.passOverName(network, failure);
}

/** Whether the link that was to be changed stays. It was attached before, and the edit has been rolled back as far as possible. */
async function keepsLink(context: TaskContext, sandboxId: string): Promise<boolean> {
  const edited = editedLink(context.task, context.observation, sandboxId);
  return edited !== undefined && (await rollBack(context, edited)) !== 'nothing';
}

/** Whether the link is still attached as it was, because the intent of its edit could not be recorded. */
const standsUntouched = ({ task, observation }: TaskContext, sandboxId: string): boolean =>
  editedLink(task, observation, sandboxId)?.phase === 'attached';

/** @throws Interrupted, Stale, Refused */
async function attachSteps(
  context: TaskContext,
  desired: DesiredAttachment,
  sandboxId: string,
  attempt: Attempt,
): Promise<void> {
  const { pod, observation, task, report, records } = context;
  const { node } = observation;
  const { kind, interfaceName, network } = desired;
  const { undo } = attempt;
  const { workflowId, runId } = workflowInfo();
  const recorded = recordedLink(observation, task.interfaceName, sandboxId);
  const edited = editedLink(task, observation, sandboxId);

  // An undo gives back a link that was there before podwire, whether this attach is the first one or not.
  undo.push(() => detach(context, { kind, node, sandboxId, interfaceName, network }, 'undo'));
  report.show('record-intent', '', undefined, network);
  const request = intentRequest(observation, desired, sandboxId, { workflowId, runId });
  const intent = records.begunIntent() ?? (await records.recordIntent({ ...pod, ...request }, networkKey(network)));
  if (intent.kind === 'stale') throw new Stale(intent.reason);
  // The refused intent wrote nothing, and the link that is attached stays.
  if (intent.kind === 'refused' && (task.attach?.swaps === true || standsUntouched(context, sandboxId)))
    undo.length = 0;
  if (intent.kind === 'refused') throw new Refused({ code: intent.code, message: intent.message }, blockedOnOf(intent));

  attempt.blockedOn = blockedOnOf(intent);
  const { generation, modRevision } = intent;
  const step = attachStep(kind, interfaceName, networkKey(network), node);
  report.show(step.step, `making ${interfaceName}`, undefined, network);
  const result = await nodeStep(context, {
    ...step,
    node,
    invoke: step.invoke({ node, podUid: pod.uid, sandboxId, interfaceName, generation, modRevision }),
    onCondition: async (stepCondition) => {
      // The old interface goes before plugins make the new one. An edit that is stuck is therefore given up: otherwise the pod would be
      // without either interface for as long as it takes.
      if (kind === 'cni' && stepCondition.state === 'Stuck' && edited !== undefined)
        throw new Refused(stepCondition.failure);
      await report.stepCondition(step.step, network, generation, stepCondition);
    },
    onWait: (failure) => report.waits(step.step, network, failure),
  });

  report.show('record-result', '', undefined, network);
  await records.recordResult({ ...pod, node, sandboxId, interfaceName, modRevision, result }, () => {
    if (edited?.kind === 'cni' && networkKey(edited.network) !== networkKey(network))
      report.detached.push({ interfaceName, network: edited.network, revision: modRevision });
    // A link that was only looked at again is no news to anybody.
    if (recorded?.unverified !== true) report.attached = { interfaceName, network };
  });
  report.show('attached', result.addresses.join(' '), undefined, network);
}
