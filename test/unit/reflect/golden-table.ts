/** The golden table: object by object, its key in both layouts and its value in each encoding. */
import { createReflectCodec } from '../../../adapters/reflect/codec.ts';
import { convert } from '../../../domain/reflect/convert.ts';
import { keyOf } from '../../../domain/reflect/keys.ts';
import { DEFAULT_REFLECT_SETTINGS, type ReflectEncoding } from '../../../domain/reflect/settings.ts';
import type { GoldenObject } from './golden-objects.ts';

export type GoldenRow =
  | {
      readonly title: string;
      readonly kind: string;
      readonly key: string;
      readonly readmeKey: string;
      readonly json: string;
      readonly jsonpb: string;
      readonly protobufHex: string;
    }
  | { readonly title: string; readonly kind: string; readonly refused: string };

/** Beside this file; `write-golden.ts` makes it. */
export const GOLDEN_FILE = new URL('golden.json', import.meta.url);

export function rowOf({ title, kind, object }: GoldenObject): GoldenRow {
  const made = convert(kind, object);
  if (!made.ok) return { title, kind, refused: made.reason };
  const bytes = (encoding: ReflectEncoding): Buffer =>
    Buffer.from(createReflectCodec(encoding).encode(kind, made.record));
  return {
    title,
    kind,
    key: keyOf(kind, made, DEFAULT_REFLECT_SETTINGS),
    readmeKey: keyOf(kind, made, { ...DEFAULT_REFLECT_SETTINGS, layout: 'readme' }),
    json: bytes('json').toString('utf8'),
    jsonpb: bytes('jsonpb').toString('utf8'),
    protobufHex: bytes('protobuf').toString('hex'),
  };
}
