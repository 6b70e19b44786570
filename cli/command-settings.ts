/** Settings of a command: the same table, names and checks as those of podwire's processes, with the flags in `--help`. */
import { Option, type Command } from 'commander';
import { ConfigError, readSettings, type Setting, type SettingsTable, type Values } from '../config/cli-flags.ts';
import { fileSettings } from '../config/common.ts';
import { FILE_ENV, FILE_FLAG, type SettingsFile } from '../config/settings-file.ts';
import { defaultKubeconfig } from './default-kubeconfig.ts';
import { UsageError } from './usage-error.ts';

/** Adds the flags of a table to a command. */
export function addSettings(command: Command, table: SettingsTable): Command {
  for (const { flag, env, help } of Object.values<Setting>({ ...fileSettings, ...table })) {
    if (flag === undefined) continue;
    command.addOption(new Option(`--${flag} <value>`, env === undefined ? help : `${help} (${env})`));
  }
  return command;
}

let file: SettingsFile | undefined;

/** Reads the settings file that the command line or the environment names, for the command that is about to run. @throws UsageError */
export async function loadFileOf(command: Command): Promise<void> {
  const named = command.opts<Record<string, unknown>>()[FILE_FLAG];
  const path = typeof named === 'string' ? named : process.env[FILE_ENV];
  if (path === undefined || path === '') return;
  const { loadSettingsFile } = await import('../config/load-settings-file.ts');
  file = await refused(() => loadSettingsFile([`--${FILE_FLAG}=${path}`], {}));
}

/** What kubectl goes by counts where podwire's own variable and the settings file say nothing: it is there for all tools alike. */
function environment(): NodeJS.ProcessEnv {
  const { PODWIRE_KUBECONFIG: own = '' } = process.env;
  if (own !== '' || file?.values.has('kubeconfig') === true) return process.env;
  const ofAll = defaultKubeconfig();
  return ofAll === undefined ? process.env : { ...process.env, PODWIRE_KUBECONFIG: ofAll };
}

/**
 * What the flags, the environment and the settings file say.
 * @throws UsageError with every refused value
 */
export function settingsOf<T extends SettingsTable>(command: Command, table: T): Values<T> {
  const given = command.opts<Record<string, unknown>>();
  const argv = Object.values(table).flatMap(({ flag }) => {
    const value = flag === undefined ? undefined : given[camelCase(flag)];
    return typeof value === 'string' ? [`--${flag}=${value}`] : [];
  });
  try {
    return readSettings(table, argv, environment(), file);
  } catch (error) {
    throw asUsageError(error);
  }
}

async function refused<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asUsageError(error);
  }
}

const asUsageError = (error: unknown): unknown =>
  error instanceof ConfigError ? new UsageError(error.message, { cause: error }) : error;

/** The name commander gives an option: `etcd-ca` is `etcdCa`. */
const camelCase = (flag: string): string => flag.replace(/-([a-z0-9])/g, (_, char: string) => char.toUpperCase());
