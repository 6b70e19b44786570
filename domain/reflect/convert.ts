/** Kubernetes objects to reflected records. */
import { utf8Length } from '../text/utf8-length.ts';
import type { ObjectId } from './keys.ts';
import { isNamespaced, REFLECTOR_TYPES, type ReflectKind } from './kinds.ts';
import { endpointsRecord, isNeverReflected } from './mapping/endpoints.ts';
import { labelsOf, message, metadataLabels } from './mapping/message.ts';
import { nodeRecord } from './mapping/node.ts';
import { podRecord, sfcPodRecord } from './mapping/pod.ts';
import { policyRecord } from './mapping/policy.ts';
import { serviceRecord } from './mapping/service.ts';
import { endpointsOfSlices, serviceOfSlice, type AddressType } from './mapping/slices.ts';
import { OddObject, Reading } from './reading.ts';
import type { NamespaceRecord, RecordOf } from './records.ts';
import { MAX_VALUE_BYTES } from './settings.ts';

export type Conversion<K extends ReflectKind = ReflectKind> =
  | ({ readonly ok: true; readonly record: RecordOf[K] } & ObjectId)
  | {
      readonly ok: false;
      readonly reason: string;
      /** By rule it is not reflected, and nothing is wrong with it: no reason for a log line. */
      readonly byRule: boolean;
    };

/** A namespaced kind's id; of the others only the name counts. */
type Id = Required<ObjectId>;

/** Undefined: by rule not reflected. */
type Mapping<K extends ReflectKind> = (object: Reading, id: Id) => RecordOf[K] | undefined;

const MAPPINGS: { readonly [K in ReflectKind]: Mapping<K> } = {
  namespace: (object, { name }) => message<NamespaceRecord>({ name, label: labelsOf(metadataLabels(object)) }),
  pod: podRecord,
  policy: policyRecord,
  service: serviceRecord,
  endpoints: (object, id) => (isNeverReflected(id.name) ? undefined : endpointsRecord(object, id)),
  node: nodeRecord,
  sfcPod: sfcPodRecord,
};

/** What `kind` says in an object, if it says anything: the items of a list do not. */
const OBJECT_KINDS: Readonly<Record<ReflectKind, string>> = { ...REFLECTOR_TYPES, sfcPod: 'Pod' };

/**
 * Makes the record of an object as the API gives it (`unknown`: it comes from outside). Never throws. Fields that are
 * absent or null are empty; an object with a field of the wrong type is refused as a whole, since a part of a policy is
 * another policy. The record's bytes may still exceed `MAX_VALUE_BYTES` because of escapes: whoever writes them looks.
 */
export function convert<K extends ReflectKind>(kind: K, object: unknown): Conversion<K> {
  return attempt(() => {
    const read = new Reading(object, '');
    const says = read.text('kind');
    if (says !== '' && says !== OBJECT_KINDS[kind]) {
      throw new OddObject(`kind is ${JSON.stringify(says)}; it must be ${OBJECT_KINDS[kind]}`);
    }
    const metadata = read.child('metadata');
    const name = checkedName(metadata.text('name'), 'metadata.name');
    const namespace = isNamespaced(kind) ? checkedName(metadata.text('namespace'), 'metadata.namespace') : '';
    const record = MAPPINGS[kind](read, { name, namespace });
    return record === undefined ? undefined : { id: isNamespaced(kind) ? { name, namespace } : { name }, record };
  });
}

/**
 * Endpoints from all EndpointSlices of one service; see `serviceOfSlice`. Never throws.
 * @param family of the service's first address (`spec.ipFamilies[0]`), when known
 */
export function convertSlices(slices: readonly unknown[], family?: AddressType): Conversion<'endpoints'> {
  return attempt(() => {
    const [id, ...others] = slices.map(serviceOfSlice);
    if (id === undefined || others.some((other) => other?.name !== id.name || other.namespace !== id.namespace)) {
      throw new OddObject(
        'the slices must all have the label kubernetes.io/service-name of one service, and its namespace',
      );
    }
    checkedName(id.name, 'the label kubernetes.io/service-name');
    checkedName(id.namespace, 'metadata.namespace');
    if (isNeverReflected(id.name)) return undefined;
    return {
      id,
      record: endpointsOfSlices(
        id,
        slices.map((slice) => new Reading(slice, '')),
        family,
      ),
    };
  });
}

function attempt<K extends ReflectKind>(
  make: () => { readonly id: ObjectId; readonly record: RecordOf[K] } | undefined,
): Conversion<K> {
  try {
    const made = make();
    if (made === undefined) return { ok: false, reason: 'not reflected by rule', byRule: true };
    const text = JSON.stringify(made.record);
    // A character takes three bytes at most; so nearly every record needs no counting.
    const bytes = text.length * 3 > MAX_VALUE_BYTES ? utf8Length(text) : 0;
    if (bytes > MAX_VALUE_BYTES) {
      throw new OddObject(`it would take ${bytes} bytes; at most ${MAX_VALUE_BYTES} are written`);
    }
    return { ok: true, ...made.id, record: made.record };
  } catch (error) {
    // Not only OddObject: an object from outside may be a proxy, or nested beyond the stack.
    const reason = error instanceof OddObject ? error.message : 'it cannot be read as JSON';
    return { ok: false, reason, byRule: false };
  }
}

/** No longer than Kubernetes allows, and nothing that would change the shape of a key. */
function checkedName(name: string, field: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  if (name !== '' && name.length <= 253 && !/[/\u0000-\u001f\u007f]/.test(name)) return name;
  throw new OddObject(
    `${field} is ${JSON.stringify(name.slice(0, 300))}; it must have 1 to 253 characters, without "/" and control characters`,
  );
}
