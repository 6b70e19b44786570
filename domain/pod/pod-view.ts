/**
 * What podwire keeps of a pod object: the little that decides about its networks, and nothing secret.
 * The watcher caches it and the orchestrator reads it live; both derive the same inputs from it.
 */

import type { AgentContainer } from './agents.ts';

/** `counts`: from spec.nodeName until it ends (ADR 31). `waiting`: not yet on a node. `ended`: Succeeded or Failed. */
export type PhaseClass = 'waiting' | 'counts' | 'ended';

export interface PodView {
  readonly uid: string;
  /** A static pod's UID on its node, as its mirror says. */
  readonly runtimeUid?: string;
  readonly namespace: string;
  readonly name: string;
  /** Empty while unscheduled. */
  readonly nodeName: string;
  readonly hostNetwork: boolean;
  readonly phaseClass: PhaseClass;
  /** A deletion was requested; during graceful termination nothing is detached. */
  readonly deleting: boolean;
  /** Pod addresses as Kubernetes reports them, primary first. */
  readonly podIPs: readonly string[];
  /** Only labels and annotations that a dialect reads (`dialectKeys`). */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** The `podwire.io/network-status` annotation as it stands; not an input. */
  readonly publishedStatus: string | undefined;
  /** What `publishedStatus` says that the pod has; kept by the watcher in its place. */
  readonly claims?: { readonly tunnels: readonly string[] };
  /** The NPWG network-status annotation as it stands: tells which interfaces another runtime attached. */
  readonly npwgStatus?: string | undefined;
  /** The agent containers that its spec has. */
  readonly agents?: readonly AgentContainer[];
  /** As it was read, for writes that must not overwrite somebody else's; not kept by the watcher. */
  readonly resourceVersion?: string | undefined;
}

/** Identity of a pod: the UID decides, namespace and name are for people and for API calls. */
export interface PodIdentity {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}
