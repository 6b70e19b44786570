import type { RecordKind } from '../reflect/kinds.ts';
import type { RecordOf, ReflectedRecord } from '../reflect/records.ts';

/** Records to the bytes that lie in etcd, and back. */
export interface ReflectCodec {
  /** In the codec's own encoding; the same record always gives the same bytes. The record is a canonical one of its kind. */
  encode(kind: RecordKind, record: ReflectedRecord): Uint8Array;
  /**
   * From any of the three encodings; never throws.
   * @returns a canonical record, or undefined when the bytes are none of this kind
   */
  decode<K extends RecordKind>(kind: K, bytes: Uint8Array): RecordOf[K] | undefined;
}
