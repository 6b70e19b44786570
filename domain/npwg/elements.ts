/**
 * The two forms of the annotation `k8s.v1.cni.cncf.io/networks` (NPWG 1.3, section 4.1.1 comma-delimited, §4.1.2 JSON list), taken apart
 * into the networks they name; nothing else of an entry is judged here.
 */
import type { JsonObject, JsonValue } from '../cni/attachment.ts';
import { isCniInterfaceName } from '../cni/interface-name.ts';
import { dialectProblem } from '../cni/problems.ts';
import type { SelectionProblem } from '../network-selection.ts';
import { isDnsLabel } from '../openvnf/names.ts';
import { shown } from '../text/shown.ts';
import { isJsonList, isJsonObject, member, parseStrictJson } from '../text/strict-json.ts';
import { NPWG_KEYS } from './keys.ts';

export const MAX_NPWG_BYTES = 32 * 1024;
export const MAX_NPWG_ELEMENTS = 64;

/** One entry that names its network well. */
export interface NpwgElement {
  readonly namespace: string;
  readonly name: string;
  /** Of the entry in the annotation, from 1; entries that are refused count. */
  readonly position: number;
  /** The JSON object as written, without known keys that are null; in the comma form `interface` at most. */
  readonly fields: JsonObject;
}

export interface NpwgElements {
  readonly elements: readonly NpwgElement[];
  readonly problems: readonly SelectionProblem[];
  /** Some entry, or the whole text, does not tell which network it means: nothing may be taken away for its sake. */
  readonly unreadable: boolean;
  /** Interfaces that entries ask for which do not name their network well: those of `elements` say themselves. */
  readonly otherInterfaces: readonly string[];
}

const NAME_RULE =
  '1 to 63 lower-case letters, digits and "-", not first and not last (NPWG 1.3, section 3.3: DNS-1123 label)';

/** Which of its forms an annotation is written in. */
export function npwgForm(text: string): 'empty' | 'comma' | 'json' {
  const trimmed = trimJsonSpace(text);
  if (trimmed === '') return 'empty';
  return /^[[{"]/.test(trimmed) ? 'json' : 'comma';
}

/** Reads any text; never throws. An empty text names nothing. */
export function npwgElements(text: string, podNamespace: string): NpwgElements {
  const form = npwgForm(text);
  if (form === 'empty') return { elements: [], problems: [], unreadable: false, otherInterfaces: [] };
  const entries = form === 'json' ? jsonEntries(text) : commaEntries(text);
  if (!Array.isArray(entries)) {
    return { elements: [], problems: [entries.problem], unreadable: true, otherInterfaces: [] };
  }
  const elements: NpwgElement[] = [];
  const problems: SelectionProblem[] = [];
  const otherInterfaces: string[] = [];
  let unreadable = false;
  for (const [index, entry] of entries.slice(0, MAX_NPWG_ELEMENTS).entries()) {
    const read = 'fields' in entry ? named(entry, index + 1, podNamespace) : entry;
    if ('name' in read) elements.push(read);
    else {
      problems.push(read.problem);
      unreadable ||= read.unreadable;
      const interfaceName = 'fields' in entry ? member(entry.fields, 'interface') : undefined;
      if (typeof interfaceName === 'string' && isCniInterfaceName(interfaceName)) otherInterfaces.push(interfaceName);
    }
  }
  if (entries.length > MAX_NPWG_ELEMENTS) {
    const why = `the annotation has ${entries.length} entries; allowed: at most ${MAX_NPWG_ELEMENTS}, all from there on are left out`;
    problems.push(dialectProblem('npwg', 'TooManyNetworks', {}, why));
    unreadable = true;
  }
  return { elements, problems, unreadable, otherInterfaces };
}

interface Entry {
  readonly at: string;
  readonly fields: JsonObject;
}

interface Unnamed {
  readonly problem: SelectionProblem;
  readonly unreadable: boolean;
}

function jsonEntries(text: string): (Entry | Unnamed)[] | { readonly problem: SelectionProblem } {
  const json = parseStrictJson(text, { maxBytes: MAX_NPWG_BYTES });
  if (!json.ok) {
    const code = json.fault === 'TooLong' ? 'AnnotationTooLong' : 'AnnotationInvalid';
    const place = json.line === undefined ? {} : { line: json.line };
    return { problem: dialectProblem('npwg', code, place, `the annotation ${json.what}`) };
  }
  if (!isJsonList(json.value)) {
    const why = 'the annotation is JSON but no list; allowed: a list of objects with "name" (NPWG 1.3, section 4.1.2)';
    return { problem: dialectProblem('npwg', 'AnnotationInvalid', {}, why) };
  }
  return json.value.map((value, index) => {
    const at = `entry ${index + 1}`;
    if (isJsonObject(value)) return { at, fields: value };
    return unnamed(
      'EntryInvalid',
      `${at} is no object; allowed: an object with "name" (NPWG 1.3, section 4.1.2)`,
      true,
    );
  });
}

/** `[namespace/]name[@interface]` with commas between them; white space around one and around its parts means nothing, as to Multus. */
function commaEntries(text: string): (Entry | Unnamed)[] | { readonly problem: SelectionProblem } {
  // A character is a byte at least.
  if (text.length > MAX_NPWG_BYTES) {
    const why = `the annotation has more than ${MAX_NPWG_BYTES} bytes; allowed: at most that`;
    return { problem: dialectProblem('npwg', 'AnnotationTooLong', {}, why) };
  }
  return text.split(',').map((piece, index) => {
    const at = `entry ${index + 1}`;
    const fields = commaFields(piece);
    if (fields !== undefined) return { at, fields };
    const why = `${at} is ${shown(trimJsonSpace(piece))}; allowed: [namespace/]name[@interface] (NPWG 1.3, section 4.1.1)`;
    return unnamed('EntryInvalid', why, false);
  });
}

/** What stands between two commas, as the JSON form would have it; undefined: it is no entry. */
export function commaFields(piece: string): JsonObject | undefined {
  const match = /^(?:([^/@]*)\/)?([^/@]*)(?:@([^/@]*))?$/.exec(piece) ?? [];
  const [, namespace, name, interfaceName] = [...match].map((part: string | undefined) => part && trimJsonSpace(part));
  if (name === undefined || name === '' || namespace === '' || interfaceName === '') return undefined;
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(interfaceName === undefined ? {} : { interface: interfaceName }),
  };
}

function named({ at, fields }: Entry, position: number, podNamespace: string): NpwgElement | Unnamed {
  const name = member(fields, 'name');
  // Missing or empty means the pod's (§4.1.2.1.2).
  const written = member(fields, 'namespace') ?? '';
  const namespace = written === '' ? podNamespace : written;
  if (typeof name !== 'string' || typeof namespace !== 'string') {
    const key = typeof name === 'string' ? 'namespace' : 'name';
    const why = `${at} has ${described(fields, key)}; allowed: a text (NPWG 1.3, section 4.1.2.1, "${key}")`;
    return unnamed('EntryInvalid', why, true);
  }
  if (!isDnsLabel(name))
    return unnamed('InvalidName', `${at} has the name ${shown(name)}; allowed: ${NAME_RULE}`, false);
  if (!isDnsLabel(namespace)) {
    return unnamed('InvalidName', `${at} has the namespace ${shown(namespace)}; allowed: ${NAME_RULE}`, false);
  }
  return { namespace, name, position, fields: withoutNulls(fields) };
}

/** To Go's decoder null is nothing written, and its encoder writes null for `cni-args` that are not asked for. */
const withoutNulls = (fields: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(fields).filter(([key, value]) => value !== null || !NPWG_KEYS.some((known) => known === key)),
  );

function described(fields: JsonObject, key: string): string {
  const value: JsonValue | undefined = member(fields, key);
  if (value !== undefined) return `a "${key}" that is no text`;
  const variant = Object.keys(fields).find((other) => other.toLowerCase() === key);
  return variant === undefined ? `no "${key}"` : `${shown(variant)} instead of "${key}"`;
}

const unnamed = (code: string, why: string, unreadable: boolean): Unnamed => ({
  problem: dialectProblem('npwg', code, {}, why),
  unreadable,
});

/** Without the white space of JSON at both ends; other characters that look like it belong to a name. */
export const trimJsonSpace = (text: string): string => text.replace(/^[ \t\r\n]+/, '').replace(/[ \t\r\n]+$/, '');
