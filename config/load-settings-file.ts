/** Finds and reads the settings file of any part. Apart from `settings-file`, since it has to know every part's settings. */
import { nodeSettings } from './node.ts';
import { orchestratorSettings } from './orchestrator.ts';
import { readSettingsFile, settingsFilePath, type SettingsFile } from './settings-file.ts';
import { watcherSettings } from './watcher.ts';

/**
 * @returns undefined when neither flag nor environment names one
 * @throws ConfigError with every mistake of the file
 */
export async function loadSettingsFile(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<SettingsFile | undefined> {
  const path = settingsFilePath(argv, env);
  return path === undefined ? undefined : readSettingsFile(path, [watcherSettings, orchestratorSettings, nodeSettings]);
}
