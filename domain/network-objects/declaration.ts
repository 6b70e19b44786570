/** What a network object declares: overlay networks as Kubernetes objects, group `podwire.io/v1alpha1` (ADR 61). */

export type NetworkObjectKind = 'Network' | 'ClusterNetwork';

/** A network that pods have addresses in; canonical texts. */
export interface NetworkSubnet {
  /** Without host bits. */
  readonly cidr: string;
  /** An address of the subnet that no pod gets. */
  readonly gateway?: string;
  /** Destinations (CIDRs) that the subnet's pods reach through the gateway. */
  readonly routes: readonly string[];
  /** CIDRs of the subnet that the network's pool does not give. */
  readonly exclude: readonly string[];
}

/** The network gives its pods an address of each family that its subnets have (ADR 59). */
export interface NetworkPool {
  readonly order: 'next' | 'lowest';
  /** How long a released address is nobody's. */
  readonly restSeconds: number;
  /** How many interfaces of a namespace may have addresses at once; absent: as many as there are. */
  readonly perNamespace?: number;
  /** Pods of StatefulSets keep their addresses when they are gone. */
  readonly sticky: boolean;
}

/** Namespaces by name. */
interface NamespaceChoice {
  readonly names: readonly string[];
}

export interface NetworkSpec {
  /** 1…16777215. Absent: podwire gives it one (ADR 62). */
  readonly vni?: number;
  /** A VXLAN device in each member's network namespace. */
  readonly mode: 'pod';
  /** UDP. */
  readonly port: number;
  /** Bytes; absent: what the parent link leaves. */
  readonly mtu?: number;
  readonly subnets: readonly NetworkSubnet[];
  /** Absent: pods have the addresses that they ask for. */
  readonly pool?: NetworkPool;
  /** Whose pods may be attached. Absent: a Network's own namespace, for a ClusterNetwork all of them. */
  readonly allowedNamespaces?: NamespaceChoice;
  /** Whose pods may choose addresses. Absent: all that may be attached. */
  readonly staticAddresses?: { readonly allowedNamespaces: NamespaceChoice };
}

/** What an object declares, or what is wrong with it: objects that were stored under another CustomResourceDefinition may be anything. */
export type NetworkDeclaration =
  { readonly ok: true; readonly spec: NetworkSpec } | { readonly ok: false; readonly why: string };
