/** An object that defines a network: a NetworkAttachmentDefinition (NPWG), a Network (Kaloom), podwire's Network or ClusterNetwork. */
import type { NetworkDeclaration } from '../network-objects/declaration.ts';

export type DefinitionKind = 'nad' | 'kaloom' | 'network' | 'cluster-network';

/**
 * Kinds that came after podwire's first roles: where the image is newer than the ClusterRole, the API denies them. Only pods that may mean one
 * of their objects have to wait for the right.
 */
export const LATER_KINDS: ReadonlySet<DefinitionKind> = new Set(['network', 'cluster-network'] as const);

export interface DefinitionRef {
  readonly kind: DefinitionKind;
  /** Empty for a ClusterNetwork. */
  readonly namespace: string;
  readonly name: string;
}

export interface NetworkDefinition extends DefinitionRef {
  readonly uid: string;
  /** `spec.config`, byte for byte; empty when there is none. */
  readonly config: string;
  /** `spec.plugin` of Kaloom's Network; empty for a NetworkAttachmentDefinition. */
  readonly plugin: string;
  /** Of podwire's own kinds. */
  readonly declares?: NetworkDeclaration;
  /** The VNI that podwire gave a network object which asks for none, as its status has it. */
  readonly allocatedVni?: number;
  /** Somebody deletes the network object: its members may stay, and nobody joins. */
  readonly deleting?: true;
  /** Of a network object: grows with every change of its spec. */
  readonly generation?: number;
}

/** `absent`: it surely does not exist. `unreadable`: nothing can be said, what is attached stays. */
export type DefinitionLookup = (ref: DefinitionRef) => NetworkDefinition | 'absent' | 'unreadable';

export const definitionKey = (ref: DefinitionRef): string => `${ref.kind}/${ref.namespace}/${ref.name}`;
