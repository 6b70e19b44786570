/** Steps that follow one another, taken in one local activity (ADR 16). Each step does what it does by itself, and may run again. */
import { Context } from '@temporalio/activity';
import { firstStep } from '../../domain/plan/first-step.ts';
import { intentRequest } from '../../domain/plan/intent-request.ts';
import type { Observation } from '../../domain/plan/observation.ts';
import { plan } from '../../domain/plan/plan.ts';
import type { PodIdentity } from '../../domain/pod/pod-view.ts';
import type { AttachmentOwner } from '../../domain/records.ts';
import type { Begun, ControlSteps, CombinedSteps, RecordInput } from './control-contract.ts';

/**
 * In this part of the two seconds of a local activity, the first step may begin. A local activity that has timed out goes on all the same: what
 * it began then would surprise a run that has looked anew meanwhile.
 */
const BEGINS_WITHIN_MS = 500;

/**
 * @param steps as they are registered, with whatever is wrapped around them
 * @param beginsWithinMs after its scheduling; later, only the observation is answered
 */
export function combineSteps(steps: ControlSteps, beginsWithinMs = BEGINS_WITHIN_MS): CombinedSteps {
  return {
    observeAndBegin: async ({ owner, ...pod }) => {
      const observation = await steps.observePod(pod);
      if (Date.now() - Context.current().info.scheduledTimestampMs > beginsWithinMs) return { observation };
      const begun = await begin(steps, pod, owner, observation);
      return { observation, ...(begun === undefined ? {} : { begun }) };
    },
    settle: async ({ last, ...status }) => {
      const settled =
        last.kind === 'result' ? await steps.recordResult(last.input) : await steps.forgetAttachment(last.input);
      if (!settled) return { outcome: 'stale' };
      try {
        return { outcome: 'published', marked: await steps.publishStatus(status) };
      } catch {
        // The run then publishes by another activity, and says why it cannot. Another try of both steps would tell the other members again.
        return { outcome: 'unpublished' };
      }
    },
  };
}

async function begin(
  steps: ControlSteps,
  { uid, namespace, name }: PodIdentity,
  owner: AttachmentOwner,
  observation: Observation,
): Promise<Begun | undefined> {
  const step = firstStep(plan(observation));
  if (step === undefined) return undefined;
  const pod = { uid, namespace, name };
  if (step.kind === 'removal') {
    const { node, sandboxId, interfaceName } = step.record;
    const input: RecordInput = { ...pod, node, sandboxId, interfaceName, modRevision: '' };
    const token = await steps.beginRemoval(input);
    return { kind: 'removal', node, sandboxId, interfaceName, ...(token === undefined ? {} : { token }) };
  }
  const { sandboxId, desired } = step;
  const result = await steps.recordIntent({ ...pod, ...intentRequest(observation, desired, sandboxId, owner) });
  return { kind: 'intent', interfaceName: desired.interfaceName, sandboxId, result };
}
