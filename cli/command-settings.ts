/** Settings of a command: the same table, names and checks as those of podwire's processes, with the flags in `--help`. */
import { Option, type Command } from 'commander';
import { ConfigError, readSettings, type SettingsTable, type Values } from '../config/cli-flags.ts';
import { UsageError } from './usage-error.ts';

/** Adds the flags of a table to a command. */
export function addSettings(command: Command, table: SettingsTable): Command {
  for (const { flag, env, help } of Object.values(table)) {
    if (flag === undefined) continue;
    command.addOption(new Option(`--${flag} <value>`, env === undefined ? help : `${help} (${env})`));
  }
  return command;
}

/**
 * What the flags and the environment say.
 * @throws UsageError with every refused value
 */
export function settingsOf<T extends SettingsTable>(command: Command, table: T): Values<T> {
  const given = command.opts<Record<string, unknown>>();
  const argv = Object.values(table).flatMap(({ flag }) => {
    const value = flag === undefined ? undefined : given[camelCase(flag)];
    return typeof value === 'string' ? [`--${flag}=${value}`] : [];
  });
  try {
    return readSettings(table, argv, process.env);
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

/** The name commander gives an option: `etcd-ca` is `etcdCa`. */
const camelCase = (flag: string): string => flag.replace(/-([a-z0-9])/g, (_, char: string) => char.toUpperCase());
