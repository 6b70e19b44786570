/** What all mappings share. */
import type { Reading } from '../reading.ts';
import type { Label } from '../records.ts';
import { compareTexts } from '../text-order.ts';

type Fields<T> = { readonly [K in keyof T]-?: T[K] | undefined };

/** A canonical message: fields that have their default value are left out (empty messages stay, see `records.ts`). */
export function message<T extends object>(fields: Fields<T>): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isDefault(value))) as T;
}

const isDefault = (value: unknown): boolean =>
  value === undefined || value === '' || value === 0 || (Array.isArray(value) && value.length === 0);

/** A map of texts, sorted; undefined when empty, since an empty map and none are the same. */
export const mapOf = (entries: readonly (readonly [string, string])[]): Readonly<Record<string, string>> | undefined =>
  entries.length === 0 ? undefined : Object.fromEntries(sorted(entries));

/** Labels as a list, sorted by key. */
export const labelsOf = (entries: readonly (readonly [string, string])[]): Label[] =>
  sorted(entries).map(([key, value]) => message<Label>({ key, value }));

export const metadataLabels = (object: Reading): [string, string][] => object.child('metadata').textMap('labels');

const sorted = (entries: readonly (readonly [string, string])[]) => [...entries].sort(([a], [b]) => compareTexts(a, b));
