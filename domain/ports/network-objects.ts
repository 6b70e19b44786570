/** What the run of a network object reads and writes: the object in the Kubernetes API, and its hold on a VNI in etcd (ADR 62). */
import type { NetworkDefinition } from '../cni/network-definition.ts';
import type { NetworkObjectRef, NetworkStatus } from '../network-objects/status.ts';
import type { NetworkRef } from '../network-selection.ts';

/** As the API has it now. */
export interface NetworkObject {
  readonly definition: NetworkDefinition;
  /** podwire's finalizer is on it. */
  readonly held: boolean;
  /** As it was published last; undefined: never, or by nobody who knew this form. */
  readonly status: NetworkStatus | undefined;
}

/** Every method throws `PodwireError('ApiUnavailable')` when the API does not answer, or denies it. */
export interface NetworkObjects {
  /** Undefined when there is none of this UID. */
  readonly read: (ref: NetworkObjectRef) => Promise<NetworkObject | undefined>;
  /** Puts podwire's finalizer on the object, or takes it off. False: the object is gone, or takes no finalizer any more. */
  readonly hold: (ref: NetworkObjectRef, held: boolean) => Promise<boolean>;
  /** False: the object is gone. */
  readonly publish: (ref: NetworkObjectRef, status: NetworkStatus) => Promise<boolean>;
}

/** What etcd has of an object's network. */
export interface NetworkUse {
  /** `<port>/<vni>` that this very object holds. */
  readonly tunnel: string | undefined;
  /** Attachments with a record, members or not. */
  readonly attached: number;
  /** Pods of the first of them, `namespace/name`. */
  readonly pods: readonly string[];
  readonly members: number;
  readonly nodes: number;
  readonly addresses: number;
  /** Nodes that have not followed the members. */
  readonly behind: readonly string[];
  /** podwire is to be out of the cluster. */
  readonly tornDown: boolean;
  /** Everything attached is recorded: without it no attachment may mean that an etcd was lost (ADR 26). */
  readonly isWhole: boolean;
}

export interface Wanted {
  /** UDP. */
  readonly port: number;
  /** What the object asks for; absent: whichever is free. */
  readonly given?: number;
  /** What it had, as its status says: taken before any other while it is free. */
  readonly had?: number;
}

/** From which VNIs are given; both included. */
export interface VniRange {
  readonly first: number;
  readonly last: number;
}

export type Reservation =
  | { readonly kind: 'reserved'; readonly vni: number }
  /** By another network, as `networkKey` makes it. */
  | { readonly kind: 'taken'; readonly vni: number; readonly owner: string }
  | { readonly kind: 'exhausted' };

/** Every method throws `PodwireError('EtcdUnavailable')` when etcd does not answer. */
export interface NetworkHolds {
  readonly use: (network: NetworkRef, uid: string) => Promise<NetworkUse>;
  /**
   * The VNI is this object's from then on, and no other network's. The same object gets the same again.
   * @param isDeclared whether the ConfigMap has a VNI of that port: none of those is given
   * @throws PodwireError `StoreRebuilding` while it is not known whose a free VNI is
   */
  readonly reserve: (
    object: NetworkObjectRef,
    wanted: Wanted,
    isDeclared: (vni: number) => boolean,
  ) => Promise<Reservation>;
  /** Gives up what the object holds; answers with the tunnel. Attachments that use it keep it from others. */
  readonly release: (object: NetworkObjectRef) => Promise<string | undefined>;
  /** The object that declares a network, as far as its run has come. */
  readonly objectOf: (network: NetworkRef) => Promise<NetworkObjectRef | undefined>;
}
