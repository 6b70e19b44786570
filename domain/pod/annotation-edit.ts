/**
 * Adding a network to an annotation and taking one out. The other entries stay byte for byte as their author wrote them, also those
 * that are refused: to write them anew could make something else of them.
 */
import type { JsonObject, JsonValue } from '../cni/attachment.ts';
import { listItems } from '../text/json-items.ts';
import { MAX_KALOOM_BYTES, MAX_KALOOM_ENTRIES } from '../kaloom/entries.ts';
import type { Dialect } from '../network-selection.ts';
import { commaFields, MAX_NPWG_BYTES, MAX_NPWG_ELEMENTS, npwgForm, trimJsonSpace } from '../npwg/elements.ts';
import { shown } from '../text/shown.ts';
import { isJsonList, isJsonObject, member, parseStrictJson } from '../text/strict-json.ts';
import { utf8Length } from '../text/utf8-length.ts';

/** Dialects whose annotation is a list of networks by name. */
export type ListDialect = Exclude<Dialect, 'openvnf'>;

export interface NamedNetwork {
  /** Empty: the pod's own. Kaloom's entries have none. */
  readonly namespace: string;
  readonly name: string;
  /** Empty: podwire chooses. NPWG only. */
  readonly interfaceName: string;
}

export type Edited =
  /** Undefined: the annotation goes away. */
  | { readonly kind: 'changed'; readonly value: string | undefined }
  | { readonly kind: 'unchanged' }
  /** The annotation cannot be read, or cannot be changed without changing what another entry means, so it is left as it is. */
  | { readonly kind: 'unreadable'; readonly why: string };

const LIMITS = {
  npwg: { bytes: MAX_NPWG_BYTES, entries: MAX_NPWG_ELEMENTS },
  kaloom: { bytes: MAX_KALOOM_BYTES, entries: MAX_KALOOM_ENTRIES },
} as const;

/**
 * Appends a network unless the very same entry, or with Kaloom one of that name, is there.
 * NPWG's comma form stays a comma form.
 */
export function withNetwork(
  dialect: ListDialect,
  text: string | undefined,
  network: NamedNetwork,
  podNamespace: string,
): Edited {
  const list = readList(dialect, text);
  if ('why' in list) return { kind: 'unreadable', why: list.why };
  const { form, entries } = list;
  const isThere = entries.some(
    ({ fields }) =>
      isOf(dialect, fields, network, podNamespace) &&
      (dialect === 'kaloom' || textOf(fields, 'interface') === network.interfaceName),
  );
  if (isThere) return { kind: 'unchanged' };
  const limits = LIMITS[dialect];
  if (entries.length >= limits.entries) {
    return { kind: 'unreadable', why: `has ${entries.length} entries; allowed: at most ${limits.entries}` };
  }
  const value = appended(list, form === 'comma' ? commaText(network) : JSON.stringify(entryFor(dialect, network)));
  // Then nothing of it could be read any more.
  if (utf8Length(value) > limits.bytes) {
    return { kind: 'unreadable', why: `would have more than ${limits.bytes} bytes; allowed: at most that` };
  }
  return { kind: 'changed', value };
}

/** Takes out every entry of a network; with an interface name, only those of that interface. */
export function withoutNetwork(
  dialect: ListDialect,
  text: string | undefined,
  network: NamedNetwork,
  podNamespace: string,
): Edited {
  const list = readList(dialect, text);
  if ('why' in list) return { kind: 'unreadable', why: list.why };
  const kept = list.entries.filter(
    ({ fields }) =>
      !isOf(dialect, fields, network, podNamespace) ||
      (network.interfaceName !== '' && textOf(fields, 'interface') !== network.interfaceName),
  );
  if (kept.length === list.entries.length) return { kind: 'unchanged' };
  const rest = kept.map(({ written }) => written).join(',');
  if (trimJsonSpace(rest) === '') return { kind: 'changed', value: undefined };
  if (list.form === 'json') return { kind: 'changed', value: `[${rest}]` };
  // What is no entry between commas could be a list of networks when it comes first.
  if (npwgForm(rest) === 'json') {
    const why = `has the entry ${shown(trimJsonSpace(rest))}, which would be read as JSON without those before it`;
    return { kind: 'unreadable', why };
  }
  return { kind: 'changed', value: trimJsonSpace(rest) };
}

interface Entry {
  /** With the white space around it. */
  readonly written: string;
  /** Undefined: it names no network, whatever it is. */
  readonly fields: JsonObject | undefined;
}

interface List {
  readonly form: 'comma' | 'json';
  readonly text: string;
  readonly entries: readonly Entry[];
}

const NOTHING: List = { form: 'json', text: '[]', entries: [] };

function readList(dialect: ListDialect, text: string | undefined): List | { readonly why: string } {
  if (text === undefined || trimJsonSpace(text) === '') return NOTHING;
  if (dialect === 'npwg' && npwgForm(text) === 'comma') {
    const entries = text.split(',').map((written) => ({ written, fields: commaFields(written) }));
    return { form: 'comma', text, entries };
  }
  const json = parseStrictJson(text, { maxBytes: LIMITS[dialect].bytes });
  if (!json.ok) return { why: json.why };
  if (json.value === null) return NOTHING;
  if (!isJsonList(json.value)) return { why: 'is no JSON list' };
  const written = listItems(text);
  const entries = json.value.map((value, index) => ({
    written: written[index] ?? '',
    fields: isJsonObject(value) ? value : undefined,
  }));
  return { form: 'json', text, entries };
}

function appended({ form, text, entries }: List, entry: string): string {
  if (form === 'comma') return `${text},${entry}`;
  if (entries.length === 0) return `[${entry}]`;
  const before = text.slice(0, text.lastIndexOf(']')).trimEnd();
  return `${before},${entry}${text.slice(before.length)}`;
}

/** A text of an entry; empty where there is none, undefined where it is something else, of which nothing can be said. */
function textOf(fields: JsonObject | undefined, key: string): string | undefined {
  const value: JsonValue = (fields === undefined ? undefined : member(fields, key)) ?? '';
  return typeof value === 'string' ? value : undefined;
}

function isOf(
  dialect: ListDialect,
  fields: JsonObject | undefined,
  network: NamedNetwork,
  podNamespace: string,
): boolean {
  if (fields === undefined || textOf(fields, 'name') !== network.name) return false;
  // A namespace in an entry of Kaloom's means nothing.
  if (dialect === 'kaloom') return true;
  const own = (namespace: string | undefined): string | undefined => (namespace === '' ? podNamespace : namespace);
  return own(textOf(fields, 'namespace')) === own(network.namespace);
}

function entryFor(dialect: ListDialect, { namespace, name, interfaceName }: NamedNetwork): JsonObject {
  if (dialect === 'kaloom') return { name };
  return {
    name,
    ...(namespace === '' ? {} : { namespace }),
    ...(interfaceName === '' ? {} : { interface: interfaceName }),
  };
}

const commaText = ({ namespace, name, interfaceName }: NamedNetwork): string =>
  `${namespace === '' ? '' : `${namespace}/`}${name}${interfaceName === '' ? '' : `@${interfaceName}`}`;
