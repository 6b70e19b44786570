/**
 * networkObject: keeps what belongs to a Network or ClusterNetwork as the object and its members are: its finalizer, its VNI, its status
 * (ADR 62). The watcher tells of the object, the mesh run of the members. The run looks, takes one step, and looks again; it ends when
 * nothing is to be done, and starts anew with the next signal.
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
import { untilDone } from '../steps/until-done.ts';

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
  for (;;) {
    if (needsFreshHistory()) await continueAsNew<typeof networkObject>(ref);
    // Whoever tells of a change may tell of the very VNI that was refused.
    if (changed) refused = undefined;
    changed = false;
    const observation = await untilDone(steps, patientSteps, (proxy) => proxy.observeNetworkObject(ref));
    const step = nextStep(observation, refused);
    setCurrentDetails(`${objectText(ref)}: ${step.kind}`);
    if (step.kind !== 'rest') {
      const done = await take(ref, step);
      refused = done.refused ?? refused;
      if (done.isOver) await condition(() => changed, options.OBJECT_PACE);
      // A burst of members is one status: the next look comes after the pace, whoever tells of more.
      else if (step.kind === 'publish') await condition(() => false, options.OBJECT_PACE);
      if (done.isOver && !changed) return;
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

interface Taken {
  /** The reservation was refused: the status says so, and the next look tries again. */
  readonly refused?: RefusedReservation;
  /** The object is gone, or takes nothing more; whoever tells of it next finds what it is. */
  readonly isOver?: boolean;
}

async function take(ref: NetworkObjectRef, step: Exclude<ObjectStep, { readonly kind: 'rest' }>): Promise<Taken> {
  const until = <Result>(call: (proxy: typeof steps) => Promise<Result>): Promise<Result> =>
    untilDone(steps, patientSteps, call);
  switch (step.kind) {
    case 'hold': {
      const { held } = step;
      return { isOver: !(await until((proxy) => proxy.holdNetworkObject({ ...ref, held }))) };
    }
    case 'reserve': {
      const { wanted } = step;
      const reservation = await until((proxy) => proxy.reserveNetworkVni({ ...ref, wanted }));
      return reservation.kind === 'reserved' ? {} : { refused: reservation };
    }
    case 'release':
      await until((proxy) => proxy.releaseNetworkVni(ref));
      return {};
    case 'publish': {
      const { status } = step;
      return { isOver: !(await until((proxy) => proxy.publishNetworkStatus({ ...ref, status }))) };
    }
  }
}
