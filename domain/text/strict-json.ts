/**
 * JSON (RFC 8259) read so that nobody else can read something different: no key twice in one object, no `__proto__`, no number that
 * a double cannot hold, bounded in length and depth. Its own words for mistakes: those of JSON.parse differ between versions of Node.
 */
import type { JsonObject, JsonValue } from '../cni/attachment.ts';
import { shown } from './shown.ts';
import { utf8Length } from './utf8-length.ts';

export interface JsonLimits {
  /** UTF-8. */
  readonly maxBytes: number;
  /** Objects and lists inside each other; 32 when left out. */
  readonly maxDepth?: number;
}

type JsonFault = 'TooLong' | 'NotJson' | 'TooDeep' | 'DuplicateKey' | 'ForbiddenKey' | 'NumberTooLarge';

export type StrictJson =
  | { readonly ok: true; readonly value: JsonValue }
  | {
      readonly ok: false;
      readonly fault: JsonFault;
      /** Says what is wrong and what is allowed. */
      readonly what: string;
      /** The same with its line, where there is one. */
      readonly why: string;
      /** 1-based; absent when it is about the whole text. */
      readonly line?: number;
    };

const DEFAULT_DEPTH = 32;

/** Reads any text; never throws. */
export function parseStrictJson(text: string, limits: JsonLimits): StrictJson {
  // The first test spares counting the bytes of megabytes.
  const bytes = text.length > limits.maxBytes ? text.length : utf8Length(text);
  if (bytes > limits.maxBytes) {
    const what = `has more than ${limits.maxBytes} bytes; allowed: at most that`;
    return { ok: false, fault: 'TooLong', what, why: what };
  }
  const reader = new Reader(text, limits.maxDepth ?? DEFAULT_DEPTH);
  try {
    return { ok: true, value: reader.document() };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const line = text.slice(0, error.at).split('\n').length;
    return { ok: false, fault: error.fault, what: error.message, why: `${error.message} (line ${line})`, line };
  }
}

/** `JsonValue` narrowed to an object; `Array.isArray` does not narrow readonly lists. */
export const isJsonObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const isJsonList = (value: JsonValue | undefined): value is readonly JsonValue[] => Array.isArray(value);

/** An own member; a key such as `constructor` that is not written is undefined. */
export const member = (object: JsonObject, key: string): JsonValue | undefined =>
  Object.hasOwn(object, key) ? object[key] : undefined;

/**
 * A key as Go's encoding/json compares it when it fills a struct: without case, and with its two characters that fold into ASCII
 * (the long s and the Kelvin sign).
 */
export const foldedKey = (key: string): string => key.replaceAll('\u017f', 's').toLowerCase();

export interface KeyFinding {
  readonly key: string;
  /** The allowed key that differs in case only; absent for a key that is simply unknown. */
  readonly meant?: string;
}

/** Keys of an object that are not exactly one of `known`, in the order written. */
export function strangeKeys(object: JsonObject, known: readonly string[]): KeyFinding[] {
  const folded = new Map(known.map((key) => [foldedKey(key), key]));
  return Object.keys(object)
    .filter((key) => !known.includes(key))
    .map((key) => {
      const meant = folded.get(foldedKey(key));
      return meant === undefined ? { key } : { key, meant };
    });
}

class Fault extends Error {
  readonly fault: JsonFault;
  readonly at: number;

  constructor(fault: JsonFault, at: number, message: string) {
    super(message);
    this.fault = fault;
    this.at = at;
  }
}

const WHITE_SPACE = /[ \t\n\r]*/y;
// eslint-disable-next-line no-control-regex -- JSON forbids exactly these in a string.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const LITERAL = /true|false|null/y;

class Reader {
  readonly #text: string;
  readonly #maxDepth: number;
  #at = 0;

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  document(): JsonValue {
    const value = this.#value(0);
    this.#take(WHITE_SPACE);
    if (this.#at < this.#text.length) throw this.#unexpected('the end of the text');
    return value;
  }

  #value(depth: number): JsonValue {
    this.#take(WHITE_SPACE);
    const first = this.#text.charAt(this.#at);
    if (first === '{' || first === '[') {
      if (depth >= this.#maxDepth) {
        const why = `nests objects and lists too deep; allowed: ${this.#maxDepth} levels`;
        throw new Fault('TooDeep', this.#at, why);
      }
      this.#at += 1;
      return first === '{' ? this.#object(depth + 1) : this.#list(depth + 1);
    }
    if (first === '"') return this.#string();
    const literal = this.#take(LITERAL);
    if (literal !== undefined) return literal === 'null' ? null : literal === 'true';
    return this.#number();
  }

  #object(depth: number): JsonObject {
    const members = new Map<string, JsonValue>();
    if (this.#skip('}')) return {};
    do {
      this.#take(WHITE_SPACE);
      const at = this.#at;
      const key = this.#string();
      if (key === '__proto__') throw new Fault('ForbiddenKey', at, 'has the key "__proto__", which is not allowed');
      if (members.has(key)) {
        throw new Fault('DuplicateKey', at, `has the key ${shown(key)} twice in one object; allowed: once`);
      }
      if (!this.#skip(':')) throw this.#unexpected('":"');
      members.set(key, this.#value(depth));
    } while (this.#skip(','));
    if (!this.#skip('}')) throw this.#unexpected('"," or "}"');
    return Object.fromEntries(members);
  }

  #list(depth: number): JsonValue[] {
    const items: JsonValue[] = [];
    if (this.#skip(']')) return items;
    do items.push(this.#value(depth));
    while (this.#skip(','));
    if (!this.#skip(']')) throw this.#unexpected('"," or "]"');
    return items;
  }

  #string(): string {
    const text = this.#take(STRING);
    if (text === undefined) throw this.#unexpected('a text in double quotes');
    return JSON.parse(text) as string;
  }

  #number(): number {
    const at = this.#at;
    const text = this.#take(NUMBER);
    if (text === undefined) throw this.#unexpected('a value');
    const value = Number(text);
    const whole = /^-?\d+$/.test(text);
    if (!Number.isFinite(value) || (whole && !Number.isSafeInteger(value))) {
      throw new Fault('NumberTooLarge', at, `has the number ${shown(text)}, which cannot be kept exactly`);
    }
    return value;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #skip(character: string): boolean {
    this.#take(WHITE_SPACE);
    if (this.#text.charAt(this.#at) !== character) return false;
    this.#at += 1;
    return true;
  }

  #unexpected(expected: string): Fault {
    const found = this.#at >= this.#text.length ? 'the text ends' : shown(this.#text.slice(this.#at, this.#at + 12));
    return new Fault('NotJson', this.#at, `is no JSON: found ${found} where ${expected} is expected`);
  }
}
