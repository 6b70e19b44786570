/** An object that defines a CNI network: a NetworkAttachmentDefinition (NPWG) or a Network (Kaloom). */

export type DefinitionKind = 'nad' | 'kaloom';

export interface DefinitionRef {
  readonly kind: DefinitionKind;
  readonly namespace: string;
  readonly name: string;
}

export interface NetworkDefinition extends DefinitionRef {
  readonly uid: string;
  /** `spec.config`, byte for byte; empty when there is none. */
  readonly config: string;
  /** `spec.plugin` of Kaloom's Network; empty for a NetworkAttachmentDefinition. */
  readonly plugin: string;
}

/** `absent`: it surely does not exist. `unreadable`: nothing can be said, what is attached stays. */
export type DefinitionLookup = (ref: DefinitionRef) => NetworkDefinition | 'absent' | 'unreadable';

export const definitionKey = (ref: DefinitionRef): string => `${ref.kind}/${ref.namespace}/${ref.name}`;
