/**
 * Networks that another runtime attached when the pod was made (Multus at creation): they stand in the pod's NPWG status and not in
 * podwire's own. They are left alone, and they satisfy the selections they were made for.
 */
import type { ForeignAttachment } from '../network-selection.ts';
import { publishedLinks, type OwnLink } from '../status/podwire-status.ts';
import { isDnsLabel } from '../openvnf/names.ts';
import type { PodView } from '../pod/pod-view.ts';
import { isJsonObject, member } from '../text/strict-json.ts';
import { statusEntries } from '../status/status-entries.ts';
import { isOwnEntry, isPodsOwn, textOf } from './own-entry.ts';

const MAX_FOREIGN = 128;
/** Two names of Kubernetes objects and the slash between them. */
const MAX_NAME = 317;

export interface ForeignEntry extends ForeignAttachment {
  /** `namespace/name` of the NetworkAttachmentDefinition; undefined for the cluster's default network. */
  readonly reference: string | undefined;
}

/**
 * Entries of the NPWG status that podwire did not write, in their order. Total: a status that cannot be read has none.
 * Without `pod.publishedStatus` and records its own work looks foreign.
 *
 * @param recorded podwire's links as its records have them, beside those of its published status
 */
export function foreignEntries(pod: PodView, recorded: readonly OwnLink[] = []): ForeignEntry[] {
  const own = [...publishedLinks(pod.publishedStatus), ...recorded];
  return statusEntries(pod.npwgStatus)
    .filter(isJsonObject)
    .flatMap((entry): ForeignEntry[] => {
      const name = textOf(entry, 'name').slice(0, MAX_NAME);
      const interfaceName = textOf(entry, 'interface');
      if ((name === '' && interfaceName === '') || isOwnEntry(entry, own) || isPodsOwn(entry)) return [];
      const isDefault = member(entry, 'default') === true;
      return [{ interfaceName, network: name, reference: isDefault ? undefined : referenceOf(name, pod.namespace) }];
    })
    .slice(0, MAX_FOREIGN);
}

/** A name without a namespace is one of the pod's (NPWG 1.3, section 5.3.1). */
function referenceOf(name: string, podNamespace: string): string | undefined {
  const parts = name.split('/');
  const reference = parts.length === 1 ? [podNamespace, name] : parts;
  return reference.length === 2 && reference.every(isDnsLabel) ? reference.join('/') : undefined;
}
