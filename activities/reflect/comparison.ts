/** What is to be written: desired values against stored ones. */
import type { RecordKind } from '../../domain/reflect/kinds.ts';
import { MAX_VALUE_BYTES } from '../../domain/reflect/settings.ts';
import type { StoreChange, StoredValue } from '../../domain/ports/reflect-store.ts';
import type { Derived } from '../../domain/reflect/derive.ts';
import { sameValue } from '../../domain/reflect/same-value.ts';
import type { ReflectDeps } from './reflect-deps.ts';

/** A write, with what it is about. */
export interface Pending extends StoreChange {
  readonly kind: RecordKind;
  readonly name: string;
}

/** The write that makes a key what it is to be; undefined when it is so already, or when the object cannot be reflected. */
export function pendingChange(
  deps: ReflectDeps,
  name: string,
  derived: Derived,
  stored: StoredValue | undefined,
): Pending | undefined {
  const { key, kind, record } = derived;
  if (derived.skipped !== undefined) {
    deps.ledger.count(kind, 'argErrors');
    deps.log.skipped(kind, name, derived.skipped);
    return undefined;
  }
  if (record === undefined) {
    return stored === undefined ? undefined : { kind, name, key, value: undefined, was: stored.modRevision };
  }
  const value = deps.codec.encode(kind, record);
  if (value.byteLength > MAX_VALUE_BYTES) {
    deps.ledger.count(kind, 'argErrors');
    deps.log.skipped(
      kind,
      name,
      `its value has ${value.byteLength} bytes, more than the ${MAX_VALUE_BYTES} that are written`,
    );
    return undefined;
  }
  if (stored === undefined) return { kind, name, key, value, was: undefined };
  return sameValue(deps.codec, kind, record, value, stored.value)
    ? undefined
    : { kind, name, key, value, was: stored.modRevision };
}
