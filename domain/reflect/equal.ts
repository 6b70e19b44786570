/** Whether what lies in etcd says the same as what should lie there. */
import type { Label, ReflectedRecord } from './records.ts';

/**
 * Compares two canonical records (as `convert` and `ReflectCodec.decode` make them, which have no nil and no empty lists).
 * The order of labels does not count, since old releases of KSR wrote them in random order; every other order does.
 */
export const equalRecords = (a: ReflectedRecord, b: ReflectedRecord): boolean => equal(a, b, '');

const LABEL_LISTS: ReadonlySet<string> = new Set(['label', 'match_label']);

function equal(a: unknown, b: unknown, field: string): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) return false;
    const [left, right] = LABEL_LISTS.has(field) ? [sorted(a as Label[]), sorted(b as Label[])] : [a, b];
    return left.every((one, index) => equal(one, right[index], ''));
  }
  if (!isObject(a) || !isObject(b)) return a === b;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equal(a[key], b[key], key))
  );
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const sorted = (labels: readonly Label[]): Label[] =>
  [...labels].sort((a, b) => compare(a.key ?? '', b.key ?? '') || compare(a.value ?? '', b.value ?? ''));

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
