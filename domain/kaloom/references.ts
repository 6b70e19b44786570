/** Which definitions must be read before an annotation of Kaloom's can be judged. */
import { definitionKey, type DefinitionRef } from '../cni/network-definition.ts';
import type { DialectSettings } from '../settings.ts';
import { kaloomEntries } from './entries.ts';

/** The Network objects an annotation names, each once, in the order written; at most 64, none where the dialect is off. Never throws. */
export function kaloomReferences(text: string, settings: DialectSettings): readonly DefinitionRef[] {
  if (!settings.kaloom.enabled) return [];
  const references = new Map<string, DefinitionRef>();
  for (const { name, skipped } of kaloomEntries(text, settings.kaloom.namespace).entries) {
    if (skipped) continue;
    const reference: DefinitionRef = { kind: 'kaloom', namespace: settings.kaloom.namespace, name };
    references.set(definitionKey(reference), reference);
  }
  return [...references.values()];
}
