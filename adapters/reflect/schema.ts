/** KSR's messages, as the `.proto` files beside this one define them. */
import { fileURLToPath } from 'node:url';
import protobuf, { type Enum, type Field, type Type } from 'protobufjs';
import type { RecordKind } from '../../domain/reflect/kinds.ts';

const MESSAGES: Readonly<Record<RecordKind, readonly [file: string, message: string]>> = {
  namespace: ['namespace.proto', 'namespace.Namespace'],
  pod: ['pod.proto', 'pod.Pod'],
  policy: ['policy.proto', 'policy.Policy'],
  service: ['service.proto', 'service.Service'],
  endpoints: ['endpoints.proto', 'endpoints.Endpoints'],
  node: ['node.proto', 'node.Node'],
  sfcPod: ['sfc.proto', 'sfc.Sfc'],
  podNetworks: ['pod-networks.proto', 'podnetworks.PodNetworks'],
  stats: ['stats.proto', 'ksrapi.Stats'],
  nodeId: ['node-id.proto', 'nodeid.NodeInfo'],
};

/** Fields without which a message of a kind is none: what tells a record from bytes that happen to be readable. */
export const REQUIRED_FIELDS: Readonly<Record<RecordKind, readonly string[]>> = {
  namespace: ['name'],
  pod: ['name', 'namespace'],
  policy: ['name', 'namespace'],
  service: ['name', 'namespace'],
  endpoints: ['name', 'namespace'],
  node: ['name'],
  sfcPod: ['pod'],
  podNetworks: ['name', 'namespace'],
  stats: [],
  nodeId: ['name'],
};

/** Fields that podwire adds to KSR's messages have numbers from here on. */
const FIRST_ADDITION = 100;
/** The one word that podwire adds to KSR's enums. */
const ADDED_WORD = 'SCTP';

/** A field with its type looked up once, in the order in which the `.proto` file declares it. */
export interface FieldShape {
  readonly name: string;
  readonly list: boolean;
  readonly map: boolean;
  readonly addition: boolean;
  readonly value: ValueShape;
}

export type ValueShape =
  | { readonly kind: 'text' }
  | { readonly kind: 'integer'; readonly min: number; readonly max: number; readonly quoted: boolean }
  | {
      readonly kind: 'enum';
      readonly numbers: ReadonlyMap<string, number>;
      readonly words: ReadonlyMap<number, string>;
    }
  | { readonly kind: 'message'; readonly message: MessageShape };

export interface MessageShape {
  readonly fields: readonly FieldShape[];
}

export interface RecordShape extends MessageShape {
  /** For the binary encoding. */
  readonly type: Type;
}

/** Loads the `.proto` files: a few milliseconds, once for each process. */
export function loadShapes(): Readonly<Record<RecordKind, RecordShape>> {
  const root = new protobuf.Root();
  for (const [file] of Object.values(MESSAGES)) {
    root.loadSync(fileURLToPath(new URL(`proto/${file}`, import.meta.url)), { keepCase: true });
  }
  root.resolveAll();
  const shapes = Object.entries(MESSAGES).map(([kind, [, name]]) => {
    const type = root.lookupType(name);
    return [kind, { ...messageShape(type), type }] as const;
  });
  return Object.fromEntries(shapes) as Record<RecordKind, RecordShape>;
}

/** No message contains itself, so this ends. */
const messageShape = (type: Type): MessageShape => ({ fields: type.fieldsArray.map(fieldShape) });

const fieldShape = (field: Field): FieldShape => ({
  name: field.name,
  list: field.repeated,
  map: field.map,
  addition: field.id >= FIRST_ADDITION,
  value: valueShape(field),
});

function valueShape(field: Field): ValueShape {
  const { resolvedType } = field;
  if (resolvedType !== null) {
    return 'fieldsArray' in resolvedType
      ? { kind: 'message', message: messageShape(resolvedType) }
      : enumShape(resolvedType);
  }
  switch (field.type) {
    case 'string':
      return { kind: 'text' };
    case 'int32':
      return { kind: 'integer', min: -(2 ** 31), max: 2 ** 31 - 1, quoted: false };
    case 'uint32':
      return { kind: 'integer', min: 0, max: 2 ** 32 - 1, quoted: false };
    case 'uint64':
      return { kind: 'integer', min: 0, max: Number.MAX_SAFE_INTEGER, quoted: true };
    default:
      throw new Error(`${field.fullName} has the type ${field.type}, which the codec does not know`);
  }
}

function enumShape({ values }: Enum): ValueShape {
  const numbers = Object.entries(values);
  return {
    kind: 'enum',
    numbers: new Map(numbers),
    words: new Map(numbers.map(([word, number]) => [number, word])),
  };
}

/** Readers of KSR's time know no such word; a number that they do not know they let pass. */
export const isAddedWord = (word: string): boolean => word === ADDED_WORD;
