/**
 * Networks that another runtime attached when the pod was made (Multus at creation): they stand in the pod's NPWG status and not in
 * podwire's own. They are left alone, and they satisfy the selections they were made for.
 */
import type { ForeignAttachment } from '../network-selection.ts';
import type { PodView } from '../pod-view.ts';
import { isJsonList, isJsonObject, member, parseStrictJson } from '../strict-json.ts';
import type { JsonObject } from '../cni/attachment.ts';
import { ownInterfaces } from '../network-status.ts';
import { isDnsLabel } from '../openvnf/names.ts';

const MAX_STATUS_BYTES = 256 * 1024;
const MAX_FOREIGN = 128;
/** Two names of Kubernetes objects and the slash between them. */
const MAX_NAME = 317;

export interface ForeignEntry extends ForeignAttachment {
  /** `namespace/name` of the NetworkAttachmentDefinition; undefined for the cluster's default network. */
  readonly reference: string | undefined;
}

/**
 * Entries of the NPWG status that podwire did not write, in their order. Total: a status that cannot be read has none.
 * `pod.publishedStatus` must hold at least the interfaces and states of podwire's own status, or its own work looks foreign.
 */
export function foreignEntries(pod: PodView): ForeignEntry[] {
  const own = ownInterfaces(pod.publishedStatus);
  return entriesOf(pod.npwgStatus)
    .flatMap((entry): ForeignEntry[] => {
      const name = textOf(entry, 'name').slice(0, MAX_NAME);
      const interfaceName = textOf(entry, 'interface');
      if ((name === '' && interfaceName === '') || (interfaceName !== '' && own.has(interfaceName))) return [];
      const isDefault = member(entry, 'default') === true;
      return [{ interfaceName, network: name, reference: isDefault ? undefined : referenceOf(name, pod.namespace) }];
    })
    .slice(0, MAX_FOREIGN);
}

function entriesOf(status: string | undefined): JsonObject[] {
  if (status === undefined) return [];
  const json = parseStrictJson(status, { maxBytes: MAX_STATUS_BYTES });
  return json.ok && isJsonList(json.value) ? json.value.filter(isJsonObject) : [];
}

function textOf(entry: JsonObject, key: string): string {
  const value = member(entry, key);
  return typeof value === 'string' ? value : '';
}

/** A name without a namespace is one of the pod's (NPWG 1.3, section 5.3.1). */
function referenceOf(name: string, podNamespace: string): string | undefined {
  const parts = name.split('/');
  const reference = parts.length === 1 ? [podNamespace, name] : parts;
  return reference.length === 2 && reference.every(isDnsLabel) ? reference.join('/') : undefined;
}
