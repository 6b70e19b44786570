/** Reading an object of the Kubernetes API whose shape nobody has checked. */
import { wellFormed } from './text-order.ts';

/** The object is not what its kind says; the message names the field. Caught by `convert`. */
export class OddObject extends Error {
  override readonly name = 'OddObject';
}

const MAX_INT32 = 2 ** 31 - 1;

/** A JSON object and where it was found. What is absent or null is empty; what has the wrong type is an `OddObject`. */
export class Reading {
  readonly path: string;
  readonly #fields: Readonly<Record<string, unknown>>;

  /** @throws OddObject when the value is no JSON object */
  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new OddObject(`${path || 'the object'} is ${nameOf(value)}; it must be an object`);
    }
    this.path = path;
    this.#fields = value as Readonly<Record<string, unknown>>;
  }

  has(key: string): boolean {
    return this.raw(key) !== undefined;
  }

  /** The value as it is; null counts as absent. */
  raw(key: string): unknown {
    return Object.hasOwn(this.#fields, key) ? (this.#fields[key] ?? undefined) : undefined;
  }

  text(key: string): string {
    return textOf(this.raw(key) ?? '', this.#at(key));
  }

  /** A whole number of 32 bits; 0 when absent. */
  integer(key: string): number {
    const value = this.raw(key) ?? 0;
    if (typeof value !== 'number' || !Number.isInteger(value) || Math.abs(value) > MAX_INT32) {
      throw new OddObject(`${this.#at(key)} is ${nameOf(value)}; it must be a whole number of 32 bits`);
    }
    return value;
  }

  /** An object within; an empty one when absent. */
  child(key: string): Reading {
    return new Reading(this.raw(key) ?? {}, this.#at(key));
  }

  children(key: string): Reading[] {
    return this.#list(key).map((value, index) => new Reading(value, `${this.#at(key)}[${index}]`));
  }

  texts(key: string): string[] {
    return this.#list(key).map((value, index) => textOf(value, `${this.#at(key)}[${index}]`));
  }

  /** Labels, annotations, a selector. `__proto__` is none of the names that Kubernetes lets through, and is left out. */
  textMap(key: string): [string, string][] {
    const map = this.raw(key) ?? {};
    new Reading(map, this.#at(key));
    return Object.entries(map)
      .filter(([name, value]) => name !== '__proto__' && value !== null)
      .map(([name, value]) => [wellFormed(name), textOf(value, `${this.#at(key)}.${name}`)]);
  }

  #list(key: string): unknown[] {
    const value = this.raw(key) ?? [];
    if (!Array.isArray(value)) throw new OddObject(`${this.#at(key)} is ${nameOf(value)}; it must be a list`);
    return value;
  }

  #at(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }
}

function textOf(value: unknown, path: string): string {
  if (typeof value !== 'string') throw new OddObject(`${path} is ${nameOf(value)}; it must be text`);
  return wellFormed(value);
}

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
