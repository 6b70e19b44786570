/** The canonical form of what a pod asks for, whatever dialect it was written in. */
import type { CniAttachmentSpec, CniConfigSource } from './cni/attachment.ts';
import type { VxlanLinkSpec } from './vxlan/vxlan.ts';

/** Whose annotation it was; also the order in which two dialects get an interface that both want (ADR 35). */
export type Dialect = 'npwg' | 'openvnf' | 'kaloom';

/** Identity of a network: one per cluster, or one per namespace. A network that an annotation or an object of a namespace declares is the namespace's. */
export interface NetworkRef {
  /** `cluster`, a namespace's name as written by `namespaceScope`, or that of a network object as `declaredNetwork` writes it. */
  readonly scope: string;
  readonly name: string;
}

/** How an entry of another dialect than openvnf's came to a VXLAN network: by an object of its dialect that names a network object. */
export interface ThroughDefinition {
  readonly dialect: Exclude<Dialect, 'openvnf'>;
  /** The object of its dialect, with the scope that a CNI network of that object would have. */
  readonly definition: NetworkRef;
}

export interface VxlanSelection {
  readonly kind: 'vxlan';
  readonly dialect: Dialect;
  readonly network: NetworkRef;
  /** The interface's name is empty where another dialect than openvnf's leaves it to podwire. */
  readonly link: VxlanLinkSpec;
  /** Absent: openvnf. */
  readonly through?: ThroughDefinition;
  /** As of `CniSelection`. */
  readonly position?: number;
}

export interface CniSelection {
  readonly kind: 'cni';
  readonly dialect: 'npwg' | 'kaloom';
  /** Scope is the namespace of the object that defines it, as written by `namespaceScope`. */
  readonly network: NetworkRef;
  readonly cni: CniAttachmentSpec;
  readonly config: CniConfigSource;
  /** NPWG: place of its entry in the annotation, from 1. An interface without a name is called after it. */
  readonly position?: number;
}

export type NetworkSelection = VxlanSelection | CniSelection;

/** The interface that a selection names; empty when the selection leaves the name to podwire. */
export const nameIn = (selection: NetworkSelection): string =>
  selection.kind === 'vxlan' ? selection.link.interfaceName : selection.cni.interfaceName;

/** A mistake in what was asked for; `code` is stable, `message` is for the pod's owner. */
export interface SelectionProblem {
  readonly code: string;
  /** Absent: openvnf. */
  readonly dialect?: Dialect;
  /** Network the mistake belongs to; undefined when it is about the annotation as a whole. */
  readonly network?: string;
  readonly option?: string;
  readonly value?: string;
  /** 1-based line of the annotation, when known. */
  readonly line?: number;
  /** Names the network, the option, the value and what is allowed. */
  readonly message: string;
}

export interface ParsedSelections {
  /** In annotation order; only networks without a problem. */
  readonly selections: readonly NetworkSelection[];
  readonly problems: readonly SelectionProblem[];
  /** Oddities that change nothing (for example a broken entry of an unrelated network in the ConfigMap). */
  readonly warnings: readonly SelectionProblem[];
  /**
   * Networks that something is wrong with, be it in the annotation or in what it refers to, as `domain/plan/keep.ts` writes them: what is
   * attached under these names stays as it is (ADRs 5 and 35).
   */
  readonly keep: readonly string[];
  /** Networks that another runtime attached (NPWG: visible in the pod's network-status): left alone. */
  readonly foreign?: readonly ForeignAttachment[];
  /** openvnf: networks that the annotation itself declares, whatever their scope says. */
  readonly inline?: readonly string[];
  /** Interfaces that refused entries ask for by name: given to nobody, so that an entry finds its own free once it is right. */
  readonly reserved?: readonly string[];
}

/** An interface that somebody else made and takes away. */
export interface ForeignAttachment {
  readonly interfaceName: string;
  /** As the other runtime wrote it, usually `namespace/name`. */
  readonly network: string;
  /** The network of the pod's annotation that need not be attached because of it. */
  readonly satisfies?: NetworkRef;
  /** The network that the annotation asked for, as podwire's status says, and asks for no more; given where podwire is to take it away. */
  readonly takenOut?: NetworkRef;
}

export const CLUSTER_SCOPE = 'cluster';

/** Scope of a network that lives in one namespace; a namespace that is called `cluster` gets a name no namespace can have. */
export function namespaceScope(namespace: string): string {
  return namespace === CLUSTER_SCOPE ? 'namespace.cluster' : namespace;
}

/** `scope/name`, the form used in workflow ids, etcd keys, events and logs. */
export function networkKey(network: NetworkRef): string {
  return `${network.scope}/${network.name}`;
}
