/**
 * podwire's additions in the encoding `jsonpb`. Its readers refuse a whole value because of one field that they do not know:
 * a policy with a range of ports would be no policy at all. So additions travel in a place that every release of KSR knows
 * and no reader minds: a label of its own, at the end of the object's list of labels. Its value is a JSON object of
 * additions by path. No label of Kubernetes can have such a value. Only the objects that need it have it.
 */
import type { JsonObject } from './canonical.ts';
import { goJson } from './go-json.ts';
import type { FieldShape, MessageShape } from './schema.ts';

const ADDITIONS_LABEL = 'podwire.io/additions';

interface Entry {
  readonly path: string;
  readonly json: string;
}

/** @returns the record itself when it has no additions */
export function withCarriedAdditions(shape: MessageShape, record: JsonObject): JsonObject {
  // Almost none has any, and to find that out costs a tenth of taking it apart.
  if (!hasAdditions(shape, record)) return record;
  const found: Entry[] = [];
  const rest = withoutAdditions(shape, record, '', found);
  const value = `{${found.map(({ path, json }) => `${JSON.stringify(path)}:${json}`).join(',')}}`;
  const labels = (rest['label'] ?? []) as readonly JsonObject[];
  return { ...rest, label: [...labels, { key: ADDITIONS_LABEL, value }] };
}

function hasAdditions({ fields }: MessageShape, record: JsonObject): boolean {
  return fields.some(({ name, addition, value: shape, list }) => {
    if (!Object.hasOwn(record, name)) return false;
    if (addition || shape.kind !== 'message') return addition;
    const value = record[name];
    return (list ? (value as JsonObject[]) : [value as JsonObject]).some((one) => hasAdditions(shape.message, one));
  });
}

function withoutAdditions({ fields }: MessageShape, record: JsonObject, at: string, found: Entry[]): JsonObject {
  const entries = fields.flatMap((field): [string, unknown][] => {
    if (!Object.hasOwn(record, field.name)) return [];
    const value = record[field.name];
    const path = `${at}${field.name}`;
    if (!field.addition) return [[field.name, inner(field, value, path, found)]];
    // The JSON of this one field without its name and the braces around it.
    const json = goJson({ fields: [field] }, { [field.name]: value }, 'jsonpb').slice(field.name.length + 4, -1);
    found.push({ path, json });
    return [];
  });
  return Object.fromEntries(entries);
}

function inner({ value: shape, list }: FieldShape, value: unknown, path: string, found: Entry[]): unknown {
  if (shape.kind !== 'message') return value;
  if (!list) return withoutAdditions(shape.message, value as JsonObject, `${path}/`, found);
  return (value as JsonObject[]).map((one, index) => withoutAdditions(shape.message, one, `${path}/${index}/`, found));
}

/**
 * Puts carried additions back in their places; other values are returned as they are.
 * @throws TypeError when a path leads nowhere
 */
export function withPlacedAdditions(shape: MessageShape, value: unknown): unknown {
  const labels = isObject(value) ? value['label'] : undefined;
  if (!isObject(value) || !Array.isArray(labels)) return value;
  const carrier: unknown = labels.find(isCarrier);
  if (carrier === undefined) return value;
  const additions = JSON.parse((carrier as { value: string }).value) as Readonly<Record<string, unknown>>;
  const record: Record<string, unknown> = { ...value, label: labels.filter((label) => label !== carrier) };
  for (const [path, addition] of Object.entries(additions)) place(shape, record, path.split('/'), addition);
  return record;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCarrier = (label: unknown): boolean =>
  isObject(label) && label['key'] === ADDITIONS_LABEL && String(label['value']).startsWith('{');

function place({ fields }: MessageShape, record: Record<string, unknown>, path: string[], addition: unknown): void {
  const [name, ...rest] = path;
  const field = fields.find((one) => one.name === name);
  if (field?.addition === true && rest.length === 0) {
    record[field.name] = addition;
    return;
  }
  const [index, ...below] = rest;
  const within = field !== undefined && Object.hasOwn(record, field.name) ? record[field.name] : undefined;
  const target: unknown = field?.list === true && Array.isArray(within) ? within[Number(index)] : within;
  if (field?.value.kind !== 'message' || !isObject(target))
    throw new TypeError(`an addition leads nowhere: ${path.join('/')}`);
  place(field.value.message, target, field.list ? below : rest, addition);
}
