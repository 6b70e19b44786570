/**
 * One table per process says which settings it has; this reads them from flags, the environment and the settings file, checks them, and
 * reports every mistake at once. A flag wins over the environment, the environment over the file.
 */
import type { z } from 'zod';
import { fileKey, type SettingsFile } from './settings-file.ts';

/** One setting; it has a flag, an environment variable, or both. Text in, whatever the schema makes of it out. */
export interface Setting<S extends z.ZodType = z.ZodType> {
  /** Without the dashes; absent for secrets, which do not belong on a command line. */
  readonly flag?: string;
  readonly env?: string;
  /** Gets the text as it was written, or undefined when it was not (defaults and optionality live in the schema). */
  readonly schema: S;
  readonly help: string;
}

export type SettingsTable = Readonly<Record<string, Setting>>;
export type Values<T extends SettingsTable> = { readonly [K in keyof T]: z.output<T[K]['schema']> };

/** All that is wrong with the configuration; `message` has one line per mistake. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The configuration has ${problems.length} mistake(s):\n${problems.map((line) => `  - ${line}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/**
 * @param argv arguments after the program's name, as `--flag value` or `--flag=value`
 * @throws ConfigError with every unknown flag and every refused value
 */
export function readSettings<T extends SettingsTable>(
  table: T,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  file?: SettingsFile,
): Values<T> {
  const { flags, problems } = readFlags(table, argv);
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(table)) {
    const fromFlag = setting.flag === undefined ? undefined : flags.get(setting.flag);
    const fromEnv = setting.env === undefined ? undefined : env[setting.env];
    // An empty variable is how a manifest says "not set".
    const fromFile = setting.flag === undefined ? undefined : file?.values.get(fileKey(setting.flag));
    const text = fromFlag ?? (fromEnv === '' ? undefined : fromEnv) ?? fromFile;
    const result = setting.schema.safeParse(text);
    if (result.success) {
      values[key] = result.data;
      continue;
    }
    const found =
      text === undefined ? 'is missing' : `is ${setting.flag === undefined ? 'refused' : JSON.stringify(text)}`;
    const why = result.error.issues.map((issue) => issue.message).join('; ');
    problems.push(`${nameOf(setting)} ${found}: ${why} (${setting.help})`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return values as Values<T>;
}

/** The settings as text for `--help`, one line each. */
export function describeSettings(table: SettingsTable): string {
  return Object.values(table)
    .map((setting) => `  ${nameOf(setting).padEnd(58)} ${setting.help}`)
    .join('\n');
}

function nameOf({ flag, env }: Setting): string {
  return [flag === undefined ? undefined : `--${flag}`, env].filter((name) => name !== undefined).join(' / ');
}

function readFlags(table: SettingsTable, argv: readonly string[]) {
  const known = new Set(Object.values(table).flatMap(({ flag }) => flag ?? []));
  const flags = new Map<string, string>();
  const problems: string[] = [];
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] ?? '';
    const match = /^--([a-z0-9-]+)(?:=(.*))?$/s.exec(word);
    const name = match?.[1] ?? '';
    if (match === null || !known.has(name)) {
      problems.push(
        `${JSON.stringify(word)} is no option; known are ${[...known].map((flag) => `--${flag}`).join(', ')}`,
      );
      // What follows an unknown option is most likely its value, and no mistake of its own.
      if (match !== null && match[2] === undefined && argv[i + 1]?.startsWith('--') === false) i += 1;
      continue;
    }
    const value = match[2] ?? argv[(i += 1)];
    if (value === undefined) problems.push(`--${name} needs a value`);
    else if (flags.has(name)) problems.push(`--${name} is given twice`);
    else flags.set(name, value);
  }
  return { flags, problems };
}
