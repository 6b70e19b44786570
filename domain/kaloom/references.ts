/** Which definitions must be read before an annotation of Kaloom's can be judged. */
import { definitionKey, type DefinitionRef } from '../cni/network-definition.ts';
import type { KaloomSettings } from '../settings.ts';
import { kaloomEntries } from './entries.ts';

/** The Network objects an annotation names, each once, in the order written; at most 64, none where the dialect is off. Never throws. */
export function kaloomReferences(text: string, settings: KaloomSettings): readonly DefinitionRef[] {
  if (!settings.enabled) return [];
  const references = new Map<string, DefinitionRef>();
  for (const { name, skipped } of kaloomEntries(text, settings.namespace).entries) {
    if (skipped) continue;
    const reference: DefinitionRef = { kind: 'kaloom', namespace: settings.namespace, name };
    references.set(definitionKey(reference), reference);
  }
  return [...references.values()];
}
