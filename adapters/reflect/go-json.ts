/** JSON text as Go's `encoding/json` and `jsonpb` (with original names) write it. */
import type { JsonObject } from './canonical.ts';
import { isAddedWord, type FieldShape, type MessageShape, type ValueShape } from './schema.ts';

/** `json`: enums are numbers. `jsonpb`: enums are words, 64-bit integers are quoted. */
export type JsonStyle = 'json' | 'jsonpb';

/** @param record canonical, so that its fields are in the order of declaration and its maps are sorted */
export function goJson({ fields }: MessageShape, record: JsonObject, style: JsonStyle): string {
  const members = fields
    .filter(({ name }) => Object.hasOwn(record, name))
    .map((field) => `${goString(field.name)}:${fieldJson(field, record[field.name], style)}`);
  return `{${members.join(',')}}`;
}

function fieldJson({ list, map, value: shape }: FieldShape, value: unknown, style: JsonStyle): string {
  if (map) {
    const entries = Object.entries(value as Record<string, string>);
    return `{${entries.map(([key, text]) => `${goString(key)}:${goString(text)}`).join(',')}}`;
  }
  if (list) return `[${(value as unknown[]).map((one) => valueJson(shape, one, style)).join(',')}]`;
  return valueJson(shape, value, style);
}

function valueJson(shape: ValueShape, value: unknown, style: JsonStyle): string {
  switch (shape.kind) {
    case 'text':
      return goString(value as string);
    case 'integer':
      return shape.quoted && style === 'jsonpb' ? `"${String(value)}"` : String(value);
    case 'enum': {
      const word = value as string;
      return style === 'json' || isAddedWord(word) ? String(shape.numbers.get(word)) : goString(word);
    }
    case 'message':
      return goJson(shape.message, value as JsonObject, style);
  }
}

const SHORT: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Go escapes what could end a script element, and the line separators; of the control characters it knows three short forms. */
const goString = (text: string): string =>
  // eslint-disable-next-line no-control-regex -- these have to be escaped
  `"${text.replace(/[\u0000-\u001f"\\<>&\u2028\u2029]/g, (one) => SHORT[one] ?? unicodeEscape(one))}"`;

const unicodeEscape = (one: string): string => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`;
