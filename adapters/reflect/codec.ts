/** The three encodings of reflected records. */
import type { ReflectCodec } from '../../domain/ports/reflect-codec.ts';
import type { RecordKind } from '../../domain/reflect/kinds.ts';
import type { RecordOf } from '../../domain/reflect/records.ts';
import type { ReflectEncoding } from '../../domain/reflect/settings.ts';
import { withCarriedAdditions, withPlacedAdditions } from './additions.ts';
import { canonical, type JsonObject } from './canonical.ts';
import { goJson } from './go-json.ts';
import { loadShapes, REQUIRED_FIELDS, type RecordShape } from './schema.ts';

let shapes: Readonly<Record<RecordKind, RecordShape>> | undefined;

/** @param encoding what `encode` writes; `decode` reads all three */
export function createReflectCodec(encoding: ReflectEncoding): ReflectCodec {
  const known = (shapes ??= loadShapes());
  return {
    encode: (kind, record) => encode(known[kind], record, encoding),
    decode: (kind, bytes) => decode(kind, known[kind], bytes),
  };
}

function encode(shape: RecordShape, record: object, encoding: ReflectEncoding): Uint8Array {
  const value = canonical(shape, record);
  if (encoding === 'protobuf') return new Uint8Array(shape.type.encode(shape.type.fromObject(value)).finish());
  return new TextEncoder().encode(
    encoding === 'json' ? goJson(shape, value, 'json') : goJson(shape, withCarriedAdditions(shape, value), 'jsonpb'),
  );
}

const BRACE = 0x7b;

function decode<K extends RecordKind>(kind: K, shape: RecordShape, bytes: Uint8Array): RecordOf[K] | undefined {
  try {
    // In the binary encoding a brace would begin a group, which no message has.
    const raw = bytes[0] === BRACE ? withPlacedAdditions(shape, parsed(bytes)) : unpacked(shape, bytes);
    const record = canonical(shape, raw);
    return REQUIRED_FIELDS[kind].every((field) => Object.hasOwn(record, field))
      ? (record as unknown as RecordOf[K])
      : undefined;
  } catch {
    // Whatever these bytes are, they are no record; what is to be done about it is the caller's to decide.
    return undefined;
  }
}

const parsed = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));

/** Numbers of 64 bits as text, so that none is rounded before it is checked. */
const unpacked = ({ type }: RecordShape, bytes: Uint8Array): JsonObject =>
  type.toObject(type.decode(bytes), { longs: String });
