/** How the run of a network object is told of something: by a signal that starts it if none is open. */
import type { Client } from '@temporalio/client';
import { NETWORK_OBJECT, OBJECT_CHANGED, objectWorkflowId, type ReconcileRequest } from '../../domain/messages.ts';
import { declaredNetwork, objectText } from '../../domain/network-objects/network-object.ts';
import type { NetworkObjectRef } from '../../domain/network-objects/status.ts';
import { SingleFlight } from '../concurrency/single-flight.ts';
import { networkAttributes, SIGNAL_SPACING_MS, signalWithStart } from './pod-starter.ts';

/** Returns and throws like `signalPod`. */
export async function signalObject(
  client: Client,
  object: NetworkObjectRef,
  request: ReconcileRequest,
): Promise<string> {
  const { kind, namespace, name, uid } = object;
  return await signalWithStart(client, {
    type: NETWORK_OBJECT,
    workflowId: objectWorkflowId(uid),
    input: { kind, namespace, name, uid },
    signal: OBJECT_CHANGED,
    request,
    attributes: networkAttributes(declaredNetwork(object)),
    summary: objectText(object),
  });
}

/** For senders that may tell of one object many times at once. */
export function createObjectTeller(client: Client): (object: NetworkObjectRef, reason: string) => Promise<void> {
  const joined = new SingleFlight(SIGNAL_SPACING_MS);
  return (object, reason) =>
    joined.run(object.uid, async () => {
      await signalObject(client, object, { reason });
    });
}
