/** Kaloom's annotation `networks`: a JSON list of networks by name (podagent v0.2.1; kactus v0.1.8). */
import type { JsonObject, JsonValue } from '../cni/attachment.ts';
import { MAC_RULE, readMac } from '../cni/hardware-address.ts';
import { dialectProblem } from '../cni/problems.ts';
import type { SelectionProblem } from '../network-selection.ts';
import { shown, shownJson } from '../text/shown.ts';
import { foldedKey, isJsonList, isJsonObject, member, parseStrictJson, strangeKeys } from '../text/strict-json.ts';

export const MAX_KALOOM_BYTES = 32 * 1024;
export const MAX_KALOOM_ENTRIES = 64;

const KEYS = ['name', 'ifMac', 'isPrimary', 'upperLayers', 'namespace', 'podagentSkip'];

export interface KaloomEntry {
  readonly name: string;
  /** Canonical; empty when none is asked for. */
  readonly ifMac: string;
  readonly isPrimary: boolean;
  /** `isPrimary` or `podagentSkip`: not attached to a running pod, and not taken away either. */
  readonly skipped: boolean;
  readonly problems: readonly SelectionProblem[];
  readonly warnings: readonly SelectionProblem[];
}

export interface KaloomEntries {
  readonly entries: readonly KaloomEntry[];
  /** About no entry of `entries`. */
  readonly problems: readonly SelectionProblem[];
  /** Some entry, or the whole text, does not tell which network it means. */
  readonly unreadable: boolean;
}

const NAME_RULE = 'the name of a Network object: lower-case letters, digits, "-" and ".", at most 253';
const isObjectName = (name: string): boolean => /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name);

/** Reads any text; never throws. `null` and an empty list name nothing. */
export function kaloomEntries(text: string, objectNamespace: string): KaloomEntries {
  const json = parseStrictJson(text, { maxBytes: MAX_KALOOM_BYTES });
  if (!json.ok) {
    const code = json.fault === 'TooLong' ? 'AnnotationTooLong' : 'AnnotationInvalid';
    const place = json.line === undefined ? {} : { line: json.line };
    return whole(dialectProblem('kaloom', code, place, `the annotation ${json.what}`));
  }
  if (json.value === null) return { entries: [], problems: [], unreadable: false };
  if (!isJsonList(json.value)) {
    return whole(dialectProblem('kaloom', 'AnnotationInvalid', {}, 'the annotation is no list; allowed: a JSON list'));
  }
  const read = json.value.slice(0, MAX_KALOOM_ENTRIES).map((value, index) => entryOf(value, index, objectNamespace));
  const problems = read.flatMap((entry) => ('problem' in entry ? [entry.problem] : []));
  if (json.value.length > MAX_KALOOM_ENTRIES) {
    const why = `the annotation has ${json.value.length} entries; allowed: at most ${MAX_KALOOM_ENTRIES}, all from there on are left out`;
    problems.push(dialectProblem('kaloom', 'TooManyNetworks', {}, why));
  }
  return {
    entries: read.flatMap((entry) => ('problem' in entry ? [] : [entry])),
    problems,
    unreadable: json.value.length > MAX_KALOOM_ENTRIES || read.some((entry) => 'problem' in entry && entry.unreadable),
  };
}

interface Unnamed {
  readonly problem: SelectionProblem;
  readonly unreadable: boolean;
}

const whole = (problem: SelectionProblem): KaloomEntries => ({ entries: [], problems: [problem], unreadable: true });

function entryOf(value: JsonValue, index: number, objectNamespace: string): KaloomEntry | Unnamed {
  const at = `entry ${index + 1}`;
  const unnamed = (code: string, why: string, unreadable: boolean): Unnamed => ({
    problem: dialectProblem('kaloom', code, {}, why),
    unreadable,
  });
  if (!isJsonObject(value)) return unnamed('EntryInvalid', `${at} is no object; allowed: an object with "name"`, true);
  const name = member(value, 'name');
  if (typeof name !== 'string') {
    const variant = Object.keys(value).find((key) => key !== 'name' && foldedKey(key) === 'name');
    const found = variant === undefined ? 'no text under "name"' : `${shown(variant)} instead of "name"`;
    return unnamed('EntryInvalid', `${at} has ${found}; allowed: ${NAME_RULE}`, true);
  }
  if (!isObjectName(name)) {
    return unnamed('InvalidName', `${at} has the name ${shown(name)}; allowed: ${NAME_RULE}`, false);
  }
  return { name, ...fieldsOf(value, `${objectNamespace}/${name}`, objectNamespace) };
}

function fieldsOf(fields: JsonObject, network: string, objectNamespace: string): Omit<KaloomEntry, 'name'> {
  const problems: SelectionProblem[] = [];
  const warnings: SelectionProblem[] = [];
  for (const { key, meant } of strangeKeys(fields, KEYS)) {
    if (meant === undefined) {
      const why = `is no key of this annotation and means nothing; known keys: ${KEYS.join(', ')}`;
      warnings.push(dialectProblem('kaloom', 'UnknownKey', { network, option: key }, why));
    } else {
      const why = `is written in another case; did you mean "${meant}"?`;
      problems.push(dialectProblem('kaloom', 'UnknownKey', { network, option: key }, why));
    }
  }
  const take = <T>(key: string, fallback: T, allowed: string, fits: (value: JsonValue) => T | undefined): T => {
    const value = member(fields, key) ?? null;
    const taken = value === null ? fallback : fits(value);
    if (taken !== undefined) return taken;
    const why = `value ${shownJson(value)} is not allowed; allowed: ${allowed}`;
    problems.push(dialectProblem('kaloom', 'InvalidValue', { network, option: key }, why));
    return fallback;
  };
  const bool = (value: JsonValue) => (typeof value === 'boolean' ? value : undefined);
  const isPrimary = take('isPrimary', false, 'true or false', bool);
  const podagentSkip = take('podagentSkip', false, 'true or false', bool);
  const ifMac = take('ifMac', '', `${MAC_RULE}, or an empty text`, (value) => {
    if (value === '') return '';
    const mac = typeof value === 'string' ? readMac(value) : undefined;
    return mac?.ok === true ? mac.value : undefined;
  });
  take('upperLayers', [], 'a list of texts', (value) =>
    isJsonList(value) && value.every((layer) => typeof layer === 'string') ? [] : undefined,
  );
  const namespace = take('namespace', '', 'a text', (value) => (typeof value === 'string' ? value : undefined));
  if (namespace !== '' && namespace !== objectNamespace) {
    const why = `value ${shown(namespace)} means nothing, as in the original: Network objects are read from namespace "${objectNamespace}" (--kaloom-namespace)`;
    warnings.push(dialectProblem('kaloom', 'NamespaceIgnored', { network, option: 'namespace' }, why));
  }
  return { ifMac, isPrimary, skipped: isPrimary || podagentSkip, problems, warnings };
}
