/** Canonical records (domain/reflect/records.ts) from values that nobody has checked. */
import { compareTexts, wellFormed } from '../../domain/reflect/text-order.ts';
import type { FieldShape, MessageShape, ValueShape } from './schema.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Fields in the order of their declaration, maps sorted, nothing that has its default value. Fields that the message does
 * not have are ignored; null is absent. Enums may be words or numbers, integers may be quoted.
 * @throws TypeError when a value is not of its field's type
 */
export function canonical({ fields }: MessageShape, value: unknown): JsonObject {
  const object = objectOf(value);
  // Of the schema's own names, of which none is `__proto__`; a list of pairs for each message costs twice the time.
  const record: Record<string, unknown> = {};
  for (const field of fields) {
    const raw = Object.hasOwn(object, field.name) ? object[field.name] : undefined;
    const made = raw === undefined || raw === null ? undefined : fieldValue(field, raw);
    if (made !== undefined) record[field.name] = made;
  }
  return record;
}

function fieldValue({ name, list, map, value: shape }: FieldShape, raw: unknown): unknown {
  if (map) {
    const entries = Object.entries(objectOf(raw)).map(([key, text]) => [wellFormed(key), textOf(text)] as const);
    return entries.length === 0 ? undefined : Object.fromEntries(entries.sort(([a], [b]) => compareTexts(a, b)));
  }
  if (list) {
    if (!Array.isArray(raw)) throw new TypeError(`${name} is no list`);
    return raw.length === 0 ? undefined : raw.map((one) => single(shape, one));
  }
  const made = single(shape, raw);
  return made === '' || made === 0 || isFirstWord(shape, made) ? undefined : made;
}

function single(shape: ValueShape, raw: unknown): unknown {
  switch (shape.kind) {
    case 'text':
      return textOf(raw);
    case 'integer':
      return integerOf(raw, shape.min, shape.max);
    case 'enum':
      return wordOf(shape, raw);
    case 'message':
      return canonical(shape.message, raw);
  }
}

const isFirstWord = (shape: ValueShape, word: unknown): boolean =>
  shape.kind === 'enum' && shape.numbers.get(word as string) === 0;

function objectOf(value: unknown): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('a value is no object');
  return value as JsonObject;
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('a value is no text');
  return wellFormed(value);
}

function integerOf(raw: unknown, min: number, max: number): number {
  const value = typeof raw === 'string' && /^-?\d{1,20}$/.test(raw) ? Number(raw) : raw;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw new TypeError('a value is no whole number, or too large');
  }
  // Not minus zero.
  return value + 0;
}

function wordOf(shape: ValueShape & { readonly kind: 'enum' }, raw: unknown): string {
  const word = typeof raw === 'number' ? shape.words.get(raw) : raw;
  if (typeof word !== 'string' || !shape.numbers.has(word)) throw new TypeError('a value is no word of its enum');
  return word;
}
