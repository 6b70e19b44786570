/** Which definitions must be read before an NPWG annotation can be judged. */
import { definitionKey, type DefinitionRef } from '../cni/network-definition.ts';
import { npwgElements } from './elements.ts';

/**
 * The NetworkAttachmentDefinitions an annotation names, each once, in the order written; at most 64. Never throws: what cannot be
 * read names nothing.
 */
export function npwgReferences(text: string, podNamespace: string): readonly DefinitionRef[] {
  const references = new Map<string, DefinitionRef>();
  for (const { namespace, name } of npwgElements(text, podNamespace).elements) {
    const reference: DefinitionRef = { kind: 'nad', namespace, name };
    references.set(definitionKey(reference), reference);
  }
  return [...references.values()];
}
