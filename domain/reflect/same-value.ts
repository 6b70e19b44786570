/** Whether what lies in etcd has to be written anew. */
import type { ReflectCodec } from '../ports/reflect-codec.ts';
import { equalRecords } from './equal.ts';
import type { RecordKind } from './kinds.ts';
import type { ReflectedRecord } from './records.ts';

/**
 * True when the stored bytes say the same in the same encoding; labels may have another order, as old releases of KSR wrote them.
 * @param wanted the record in the codec's encoding
 */
export function sameValue(
  codec: ReflectCodec,
  kind: RecordKind,
  record: ReflectedRecord,
  wanted: Uint8Array,
  stored: Uint8Array,
): boolean {
  if (sameBytes(wanted, stored)) return true;
  if (wanted.byteLength !== stored.byteLength) return false;
  const known = codec.decode(kind, stored);
  return known !== undefined && equalRecords(known, record) && sameBytes(codec.encode(kind, known), stored);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, index) => byte === b[index]);
}
