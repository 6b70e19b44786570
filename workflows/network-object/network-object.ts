/**
 * networkObject: keeps what belongs to a Network or ClusterNetwork as the object and its members are: its finalizer, its VNI, its status
 * (ADR 62). The watcher tells of the object, the mesh run of the members. The run looks, takes one step, and looks again, also after a step that
 * failed; it ends when nothing is to be done, and starts anew with the next signal.
 */
import {
  condition,
  continueAsNew,
  defineSignal,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import type { NetworkObjectSteps } from '../../activities/control/network-object-contract.ts';
import { objectText } from '../../domain/network-objects/network-object.ts';
import {
  nextStep,
  type NetworkObjectRef,
  type ObjectStep,
  type RefusedReservation,
} from '../../domain/network-objects/status.ts';
import { OBJECT_CHANGED, type ReconcileRequest } from '../../domain/messages.ts';
import * as options from '../steps/activity-options.ts';
import { needsFreshHistory } from '../steps/fresh-history.ts';
import { classify } from '../steps/outcome.ts';

const objectChanged = defineSignal<[ReconcileRequest]>(OBJECT_CHANGED);

const steps = proxyLocalActivities<NetworkObjectSteps>(options.CONTROL);
const patientSteps = proxyLocalActivities<NetworkObjectSteps>(options.CONTROL_PATIENT);

export async function networkObject(input: NetworkObjectRef): Promise<void> {
  const { kind, namespace, name, uid } = input;
  const ref: NetworkObjectRef = { kind, namespace, name, uid };
  let changed = false;
  setHandler(objectChanged, () => {
    changed = true;
  });
  let refused: RefusedReservation | undefined;
  let pause: number = options.OBJECT_LOOK_SECONDS.first;
  let failedPause: number = options.CONTROL_PAUSE_SECONDS.first;
  for (let proxy = steps; ;) {
    if (needsFreshHistory()) await continueAsNew<typeof networkObject>(ref);
    // Whoever tells of a change may tell of the very VNI that was refused.
    if (changed) refused = undefined;
    changed = false;
    const round = await roundOf(proxy, ref, refused);
    if ('failed' in round) {
      // The step may be none any more: the object is being deleted by now, or podwire is taken out of the cluster.
      setCurrentDetails(`${objectText(ref)}: ${round.failed}`);
      proxy = patientSteps;
      await condition(() => changed, `${failedPause}s`);
      failedPause = Math.min(failedPause * 2, options.CONTROL_PAUSE_SECONDS.longest);
      continue;
    }
    [proxy, failedPause] = [steps, options.CONTROL_PAUSE_SECONDS.first];
    const { step, taken } = round;
    if (step.kind !== 'rest') {
      refused = taken.refused ?? refused;
      if (taken.isOver) await condition(() => changed, options.OBJECT_PACE);
      // A burst of members is one status: the next look comes after the pace, whoever tells of more.
      else if (step.kind === 'publish') await condition(() => false, options.OBJECT_PACE);
      if (taken.isOver && !changed) return;
      continue;
    }
    if (step.isSettled) {
      if (!changed) return;
      continue;
    }
    if (await condition(() => changed, `${pause}s`)) pause = options.OBJECT_LOOK_SECONDS.first;
    else pause = Math.min(pause * 2, options.OBJECT_LOOK_SECONDS.longest);
    refused = undefined;
  }
}

interface Round {
  readonly step: ObjectStep;
  readonly taken: Taken;
}

/** A look and its step. @throws CancelledFailure */
async function roundOf(
  proxy: typeof steps,
  ref: NetworkObjectRef,
  refused: RefusedReservation | undefined,
): Promise<Round | { readonly failed: string }> {
  try {
    const step = nextStep(await proxy.observeNetworkObject(ref), refused);
    setCurrentDetails(`${objectText(ref)}: ${step.kind}`);
    return { step, taken: step.kind === 'rest' ? {} : await take(proxy, ref, step) };
  } catch (error) {
    const outcome = classify(error);
    if (outcome.kind === 'cancelled') throw error;
    return { failed: 'failure' in outcome ? `${outcome.failure.code}: ${outcome.failure.message}` : outcome.kind };
  }
}

interface Taken {
  /** The reservation was refused: the status says so, and the next look tries again. */
  readonly refused?: RefusedReservation;
  /** The object is gone, or takes nothing more; whoever tells of it next finds what it is. */
  readonly isOver?: boolean;
}

async function take(
  proxy: typeof steps,
  ref: NetworkObjectRef,
  step: Exclude<ObjectStep, { readonly kind: 'rest' }>,
): Promise<Taken> {
  switch (step.kind) {
    case 'hold':
      return { isOver: !(await proxy.holdNetworkObject({ ...ref, held: step.held })) };
    case 'reserve': {
      const reservation = await proxy.reserveNetworkVni({ ...ref, wanted: step.wanted });
      return reservation.kind === 'reserved' ? {} : { refused: reservation };
    }
    case 'release':
      await proxy.releaseNetworkVni(ref);
      return {};
    case 'publish':
      return { isOver: !(await proxy.publishNetworkStatus({ ...ref, status: step.status })) };
  }
}
