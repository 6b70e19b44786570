/**
 * One YAML file of settings. Keys that nobody knows are warned about and skipped, so that files written for the original program work;
 * a known key with a wrong value is a mistake. Keys match in any case, as they did there.
 */
import { readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { loadYaml } from '@kubernetes/client-node';
import type { z } from 'zod';

export interface FileReading<T> {
  readonly value: T;
  /** One line each, naming the file and the key. */
  readonly warnings: readonly string[];
}

/** What is wrong with a file, one line per mistake. */
export class FileProblems extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'FileProblems';
    this.problems = problems;
  }
}

const MAX_FILE_BYTES = 1024 * 1024;
const MAX_SHOWN = 80;

/**
 * KSR's rule: the path as given, else a file of that name in the configuration directory.
 * @returns undefined when neither exists
 */
export function findConfigFile(path: string, configDir: string): string | undefined {
  return [path, join(configDir, basename(path))].find(isFile);
}

/** @throws FileProblems when it cannot be read or is larger than a file of settings can be */
export function readConfigFile(path: string): string {
  try {
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES) throw new Error(`it has ${size} bytes, at most ${MAX_FILE_BYTES}`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new FileProblems([`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`]);
  }
}

/**
 * @param file its name, for messages
 * @param schema of the keys in lower case; each of its fields is optional
 * @param options.aliases other spellings of a key, in lower case
 * @param options.secrets keys whose values appear in no message
 * @throws FileProblems with every mistake
 */
export function parseConfigText<S extends z.ZodObject>(
  file: string,
  text: string,
  schema: S,
  options: { readonly aliases?: Readonly<Record<string, string>>; readonly secrets?: readonly string[] } = {},
): FileReading<z.output<S>> {
  const known = Object.keys(schema.shape);
  const warnings: string[] = [];
  const entries: Record<string, unknown> = {};
  for (const [written, value] of Object.entries(loadObject(file, text))) {
    const lower = written.toLowerCase();
    const key = options.aliases?.[lower] ?? lower;
    if (!known.includes(key))
      warnings.push(
        `${file}: key ${JSON.stringify(written)} is not known and has no effect; known are ${known.join(', ')}`,
      );
    else if (key in entries)
      warnings.push(`${file}: key ${JSON.stringify(written)} says the same thing again; the first counts`);
    // A key without a value says nothing.
    else if (value !== null) entries[key] = value;
  }
  const result = schema.safeParse(entries);
  if (result.success) return { value: result.data, warnings };
  throw new FileProblems(
    result.error.issues.map(({ path, message }) => {
      const [key, ...below] = path.map(String);
      const where = [key, ...below.map((step) => `[${step}]`)].join('');
      const found = options.secrets?.includes(key ?? '') === true ? 'refused' : `is ${shown(at(entries, path))}`;
      return `${file}: ${where} ${found}: ${message}`;
    }),
  );
}

const at = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((inner, step) => (inner as Record<PropertyKey, unknown> | undefined)?.[step], value);

function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = JSON.stringify(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN - 1)}…` : text;
}

function loadObject(file: string, text: string): Record<string, unknown> {
  // The library has no answer to a file without content.
  if (text.split(/\r?\n/).every((line) => /^\s*(#.*|---)?$/.test(line))) return {};
  let loaded: unknown;
  try {
    loaded = loadYaml(text);
  } catch (error) {
    const [first = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new FileProblems([`${file} is no YAML: ${first}`]);
  }
  if (loaded === null || typeof loaded !== 'object' || Array.isArray(loaded))
    throw new FileProblems([`${file} must consist of lines "key: value"`]);
  return loaded as Record<string, unknown>;
}

/** Whether there is a file of that name (not a folder). */
export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
