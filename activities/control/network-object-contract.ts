/** Contract of the orchestrator's local activities for the run of a network object. Types only. */
import type { NetworkObjectRef, NetworkStatus, ObjectObservation } from '../../domain/network-objects/status.ts';
import type { Reservation, Wanted } from '../../domain/ports/network-objects.ts';

/** Each does one thing, and may be done again. */
export interface NetworkObjectSteps {
  /** Reads the object, and what etcd has of its network. */
  observeNetworkObject(input: NetworkObjectRef): Promise<ObjectObservation>;
  /** Puts the finalizer on the object, or takes it off. False: the object is gone, or takes none. */
  holdNetworkObject(input: NetworkObjectRef & { readonly held: boolean }): Promise<boolean>;
  /** Reserves the VNI that the object asks for, or one of those that are free. */
  reserveNetworkVni(input: NetworkObjectRef & { readonly wanted: Wanted }): Promise<Reservation>;
  /** Gives up the object's VNI, and wakes pods that waited for it. */
  releaseNetworkVni(input: NetworkObjectRef): Promise<void>;
  /** False: the object is gone. */
  publishNetworkStatus(input: NetworkObjectRef & { readonly status: NetworkStatus }): Promise<boolean>;
}
