/** Status annotations of a pod, podwire's and NPWG's: lists that anybody may have written. */
import type { JsonValue } from '../cni/attachment.ts';
import { isJsonList, parseStrictJson } from '../text/strict-json.ts';

/** Kubernetes allows 256 KiB for all annotations of an object. */
const MAX_STATUS_BYTES = 256 * 1024;

/** What the annotation lists, in its order. Total: one that cannot be read lists nothing. */
export function statusEntries(status: string | undefined): readonly JsonValue[] {
  const json = status === undefined ? undefined : parseStrictJson(status, { maxBytes: MAX_STATUS_BYTES });
  return json?.ok === true && isJsonList(json.value) ? json.value : [];
}
