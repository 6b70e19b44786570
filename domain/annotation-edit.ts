/** Adding a network to an annotation and taking one out, without touching the rest of what its author wrote. */
import type { JsonObject, JsonValue } from './cni/attachment.ts';
import type { Dialect } from './network-selection.ts';
import { isJsonList, isJsonObject, member, parseStrictJson } from './strict-json.ts';

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
  /** The annotation cannot be read, so it is left as it is. */
  | { readonly kind: 'unreadable'; readonly why: string };

const MAX_BYTES = 32 * 1024;

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
  if (!Array.isArray(list)) return { kind: 'unreadable', why: list.why };
  const isThere = list.some(
    (entry) => names(entry, network, podNamespace) && interfaceOf(entry) === network.interfaceName,
  );
  if (isThere) return { kind: 'unchanged' };
  return written(dialect, text, [...list, entryFor(dialect, network)]);
}

/** Takes out every entry of a network; with an interface name, only those of that interface. */
export function withoutNetwork(
  dialect: ListDialect,
  text: string | undefined,
  network: NamedNetwork,
  podNamespace: string,
): Edited {
  const list = readList(dialect, text);
  if (!Array.isArray(list)) return { kind: 'unreadable', why: list.why };
  const kept = list.filter(
    (entry) =>
      !names(entry, network, podNamespace) ||
      (network.interfaceName !== '' && interfaceOf(entry) !== network.interfaceName),
  );
  return kept.length === list.length ? { kind: 'unchanged' } : written(dialect, text, kept);
}

const isCommaForm = (dialect: ListDialect, text: string | undefined): boolean =>
  dialect === 'npwg' && text !== undefined && text.trim() !== '' && !/^\s*[[{"]/.test(text);

function readList(dialect: ListDialect, text: string | undefined): JsonValue[] | { readonly why: string } {
  if (text === undefined || text.trim() === '') return [];
  if (isCommaForm(dialect, text)) return text.split(',').map((part) => commaEntry(part.trim()));
  const json = parseStrictJson(text, { maxBytes: MAX_BYTES });
  if (!json.ok) return { why: json.why };
  if (json.value === null) return [];
  return isJsonList(json.value) ? [...json.value] : { why: 'is no JSON list' };
}

function commaEntry(text: string): JsonObject {
  const [path = '', interfaceName = ''] = text.split('@');
  const slash = path.indexOf('/');
  return {
    name: path.slice(slash + 1),
    ...(slash === -1 ? {} : { namespace: path.slice(0, slash) }),
    ...(interfaceName === '' ? {} : { interface: interfaceName }),
  };
}

const textOf = (entry: JsonValue, key: string): string => {
  const value = isJsonObject(entry) ? member(entry, key) : undefined;
  return typeof value === 'string' ? value : '';
};
const interfaceOf = (entry: JsonValue): string => textOf(entry, 'interface');

function names(entry: JsonValue, network: NamedNetwork, podNamespace: string): boolean {
  const own = (namespace: string): string => (namespace === '' ? podNamespace : namespace);
  return textOf(entry, 'name') === network.name && own(textOf(entry, 'namespace')) === own(network.namespace);
}

function entryFor(dialect: ListDialect, { namespace, name, interfaceName }: NamedNetwork): JsonObject {
  if (dialect === 'kaloom') return { name };
  return {
    name,
    ...(namespace === '' ? {} : { namespace }),
    ...(interfaceName === '' ? {} : { interface: interfaceName }),
  };
}

function written(dialect: ListDialect, text: string | undefined, list: readonly JsonValue[]): Edited {
  if (list.length === 0) return { kind: 'changed', value: undefined };
  const value = isCommaForm(dialect, text) ? list.map(commaText).join(',') : JSON.stringify(list);
  return { kind: 'changed', value };
}

function commaText(entry: JsonValue): string {
  const namespace = textOf(entry, 'namespace');
  const interfaceName = interfaceOf(entry);
  const path = `${namespace === '' ? '' : `${namespace}/`}${textOf(entry, 'name')}`;
  return interfaceName === '' ? path : `${path}@${interfaceName}`;
}
