/** The Kubernetes API as podwire's activities need it. Every method throws `PodwireError('ApiUnavailable')` when it does not answer. */
import type { DefinitionRef, NetworkDefinition } from '../cni/network-definition.ts';
import type { PodIdentity, PodView } from '../pod/pod-view.ts';

export interface PodEvent {
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, for machines: Attached, Detached, NetworkRefused, … */
  readonly reason: string;
  /** At most 1024 bytes. */
  readonly message: string;
  /** What makes the event the same event: repeated keys give one event. */
  readonly key: string;
}

export interface Cluster {
  /** The pod of that name; its UID may be another one's. Undefined when there is none. */
  readonly pod: (namespace: string, name: string) => Promise<PodView | undefined>;
  /** Data of a ConfigMap; undefined when it does not exist. */
  readonly configMap: (namespace: string, name: string) => Promise<Readonly<Record<string, string>> | undefined>;
  /** Whether a pod that kube-vxlan-controller's label selects has this address and has not ended. */
  readonly podHasAddress: (address: string) => Promise<boolean>;
  /** UID of a Node object; undefined when it does not exist. */
  readonly nodeUid: (node: string) => Promise<string | undefined>;
  /** The object that defines a network; undefined when it does not exist; `unreadable`: nothing can be said, and others need not wait. */
  readonly definition: (ref: DefinitionRef) => Promise<NetworkDefinition | 'unreadable' | undefined>;
  /**
   * Sets annotations of exactly this pod (by UID). With `asRead`, the pod's resourceVersion as it was read, it is a `conflict` when
   * somebody else wrote the pod since.
   */
  readonly publishStatus: (
    pod: PodIdentity,
    annotations: Readonly<Record<string, string | null>>,
    asRead?: string,
  ) => Promise<'patched' | 'gone' | 'conflict'>;
  /** Creates an event on the pod; one of the same key exists already: nothing happens. */
  readonly createEvent: (pod: PodIdentity, event: PodEvent) => Promise<void>;
}

/** Signals that activities send with the worker's own client (ADR 33). */
export interface Signals {
  /** Tells the mesh run of a network that members changed. */
  readonly membersChanged: (
    network: { readonly scope: string; readonly name: string },
    reason: string,
  ) => Promise<void>;
  readonly podChanged: (pod: PodIdentity, reason: string) => Promise<void>;
}
