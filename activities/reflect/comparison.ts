/** What is to be written: desired values against stored ones. */
import type { RecordKind } from '../../domain/reflect/kinds.ts';
import { MAX_VALUE_BYTES } from '../../domain/reflect/settings.ts';
import { equalRecords } from '../../domain/reflect/equal.ts';
import type { StoreChange, StoredValue } from '../../domain/ports/reflect-store.ts';
import type { Derived } from '../../domain/reflection/derive.ts';
import type { ReflectDeps } from './deps.ts';

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
  return says(deps, derived, value, stored.value) ? undefined : { kind, name, key, value, was: stored.modRevision };
}

/** The stored value says the same in the same encoding; labels may have another order, as old releases of KSR wrote them. */
function says(deps: ReflectDeps, { kind, record }: Derived, wanted: Uint8Array, stored: Uint8Array): boolean {
  if (sameBytes(wanted, stored)) return true;
  if (record === undefined || wanted.byteLength !== stored.byteLength) return false;
  const known = deps.codec.decode(kind, stored);
  return known !== undefined && equalRecords(known, record) && sameBytes(deps.codec.encode(kind, known), stored);
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
