/** Kubernetes objects to reflected records. */
import type { ObjectId } from './keys.ts';
import type { ReflectKind } from './kinds.ts';
import type { RecordOf } from './records.ts';

export type Conversion<K extends ReflectKind = ReflectKind> =
  | ({ readonly ok: true; readonly record: RecordOf[K] } & ObjectId)
  | {
      readonly ok: false;
      readonly reason: string;
      /** By rule it is not reflected, and nothing is wrong with it: no reason for a log line. */
      readonly byRule: boolean;
    };

/** Makes the record of an object as the API gives it (`unknown`: it comes from outside). Never throws. */
export function convert<K extends ReflectKind>(kind: K, object: unknown): Conversion<K> {
  return { ok: false, reason: `not made yet: ${kind} of ${typeof object}`, byRule: false };
}
