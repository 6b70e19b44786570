/**
 * The settings file: a flat map of settings in YAML or JSON, one file for all of podwire's parts. A key is a flag's name with "_" for
 * "-"; secrets have no flag and so no key. Flags and environment win over it.
 */
import { readFile } from 'node:fs/promises';
import { ConfigError, type SettingsTable } from './cli-flags.ts';

export const FILE_FLAG = 'config';
export const FILE_ENV = 'PODWIRE_CONFIG';

export interface SettingsFile {
  readonly path: string;
  /** Texts by key, as if they had been flags. */
  readonly values: ReadonlyMap<string, string>;
}

/** A settings file is a page or two. */
const MAX_BYTES = 256 * 1024;

export const fileKey = (flag: string): string => flag.replaceAll('-', '_');

/** The file that flags or environment name, if any. */
export function settingsFilePath(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const at = argv.findIndex((word) => word === `--${FILE_FLAG}` || word.startsWith(`--${FILE_FLAG}=`));
  const word = argv[at];
  const path = word?.includes('=') === true ? word.slice(word.indexOf('=') + 1) : at < 0 ? undefined : argv[at + 1];
  const named = path ?? env[FILE_ENV];
  return named === '' ? undefined : named;
}

/**
 * Reads a settings file.
 * @param tables settings of all parts: the file is theirs together, and a key that none of them knows is a mistake
 * @throws ConfigError with every mistake
 */
export async function readSettingsFile(path: string, tables: readonly SettingsTable[]): Promise<SettingsFile> {
  const document = await parsed(path);
  const known = new Set(
    tables.flatMap((table) => Object.values(table)).flatMap(({ flag }) => (flag === undefined ? [] : [fileKey(flag)])),
  );
  const values = new Map<string, string>();
  const problems: string[] = [];
  for (const [key, value] of Object.entries(document)) {
    const text = textOf(value);
    if (key === FILE_FLAG || !known.has(key)) problems.push(`${path}: ${unknownKey(key, known)}`);
    else if (text === undefined)
      problems.push(`${path}: the value of ${key} is no text, number, boolean or list of these`);
    else values.set(key, text);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return { path, values };
}

async function parsed(path: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new ConfigError([`${path} cannot be read: ${(error as Error).message}`]);
  }
  if (text.length > MAX_BYTES) throw new ConfigError([`${path} has ${text.length} characters; at most ${MAX_BYTES}`]);
  // The library takes a text without a document for a mistake.
  if (text.split('\n').every((line) => /^\s*(#.*)?$/.test(line))) return {};
  // Loaded only here: most processes have no such file, and it takes longer than everything else at their start.
  const { loadYaml } = await import('@kubernetes/client-node');
  let document: unknown;
  try {
    document = loadYaml(text) ?? {};
  } catch (error) {
    const [reason] = (error as Error).message.split('\n', 1);
    throw new ConfigError([`${path} is neither YAML nor JSON: ${String(reason)}`]);
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new ConfigError([`${path} holds no map; expected lines such as selector: vxlan.openvnf.org`]);
  }
  return document as Record<string, unknown>;
}

const isScalar = (value: unknown): value is string | number | boolean =>
  ['string', 'number', 'boolean'].includes(typeof value);

/** Lists are how YAML writes what a flag has with commas. */
function textOf(value: unknown): string | undefined {
  if (isScalar(value)) return String(value);
  return Array.isArray(value) && value.every(isScalar) ? value.map(String).join(',') : undefined;
}

function unknownKey(key: string, known: ReadonlySet<string>): string {
  const written = fileKey(key);
  const hint = written !== key && known.has(written) ? `; write ${written}` : '';
  return `${JSON.stringify(key)} is no setting${hint}; known are ${[...known].sort().join(', ')}`;
}
