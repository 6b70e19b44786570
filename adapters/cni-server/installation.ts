/** podwire's CNI plugin on a node: its executable in the folder of plugins, and the configuration that has the runtime call it. */
import { access, constants, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_CONFIG_BYTES } from '../../domain/cni/network-config.ts';
import { isConfigurationFile } from '../../domain/cni/node-configs.ts';
import { chainedList, CHAINED_FILE } from '../../domain/cni-server/chained-list.ts';
import { PLUGINS_BEHIND, PRIMARY_FILE, primaryList, type PluginBehind } from '../../domain/cni-server/primary-list.ts';
import { copyWhole, linkWhole, readWhole, removeFile, writeWhole } from '../host/whole-files.ts';

/** A name whose plugin is contiv's is taken only when it is asked for. */
export const PLUGIN_NAMES = ['podwire-cni', 'podwire-ipam', 'contiv-cni'] as const;
export type PluginName = (typeof PLUGIN_NAMES)[number];

/** Only the owner writes: podwire itself refuses plugins that others may change. */
const EXECUTABLE = 0o755;
/** A primary network's configuration may hold secrets. */
const CONFIGURATION = 0o600;

/**
 * All names are one file. Other files of the folder are left alone.
 *
 * @throws the error of the file system
 */
export async function installPlugin(executable: string, folder: string, names: readonly PluginName[]): Promise<void> {
  const [first, ...others] = names.map((name) => join(folder, name));
  if (first === undefined) return;
  await copyWhole(executable, first, EXECUTABLE);
  for (const other of others) await linkWhole(first, other);
}

/** `kept`: the file is as it should be, or is not needed. */
export type Chained =
  | { readonly state: 'written' | 'kept'; readonly from: string }
  | { readonly state: 'removed' | 'left'; readonly why: string };

/**
 * Puts podwire behind the node's own network, and follows its configuration. Where there is one that podwire cannot stand behind, ours goes
 * away, so that the runtime takes what is there and not what was; where there is none that can be read, ours is left as it is.
 *
 * @throws the error of the file system
 */
export async function chainConfiguration(folder: string, socket: string): Promise<Chained> {
  const path = join(folder, CHAINED_FILE);
  // Of a time when podwire was the network itself, which it is not any more.
  await removeFile(join(folder, PRIMARY_FILE));
  const chained = chainedList(await configurationFiles(folder), socket);
  if (!chained.ok) {
    const { why, isPassing } = chained;
    return { state: !isPassing && (await removeFile(path)) ? 'removed' : 'left', why };
  }
  const { from, text } = chained;
  if (text === undefined) return { state: (await removeFile(path)) ? 'written' : 'kept', from };
  if ((await readWhole(path)) === text) return { state: 'kept', from };
  await writeWhole(path, text, CONFIGURATION);
  return { state: 'written', from };
}

export interface PrimaryConfigured {
  readonly state: 'written' | 'kept';
  /** The file that the runtime takes; another one than ours stands before it. */
  readonly taken: string;
  /** Plugins that are left out because the node does not have them. */
  readonly absent: readonly PluginBehind[];
}

/**
 * Makes podwire the network of the node's pods; a list in which it stood behind another network goes.
 *
 * @param pluginFolders where the runtime looks for plugins
 * @throws the error of the file system
 */
export async function configurePrimary(
  folder: string,
  socket: string,
  pluginFolders: readonly string[],
): Promise<PrimaryConfigured> {
  const path = join(folder, PRIMARY_FILE);
  const present = new Set<PluginBehind>();
  for (const type of PLUGINS_BEHIND) if (await isPlugin(pluginFolders, type)) present.add(type);
  const text = primaryList(socket, present);
  const isKept = (await readWhole(path)) === text;
  if (!isKept) await writeWhole(path, text, CONFIGURATION);
  await removeFile(join(folder, CHAINED_FILE));
  const [taken = PRIMARY_FILE] = await configurationNames(folder);
  return { state: isKept ? 'kept' : 'written', taken, absent: PLUGINS_BEHIND.filter((type) => !present.has(type)) };
}

async function isPlugin(folders: readonly string[], type: string): Promise<boolean> {
  for (const folder of folders) {
    const found = await access(join(folder, type), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}

/** The runtime asks podwire no more. @returns names of the configurations that were there */
export async function removeConfigurations(folder: string): Promise<string[]> {
  const removed: string[] = [];
  for (const name of [CHAINED_FILE, PRIMARY_FILE]) if (await removeFile(join(folder, name))) removed.push(name);
  return removed;
}

/** In the order in which a runtime takes them. */
const configurationNames = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter(isConfigurationFile).sort();

async function configurationFiles(folder: string): Promise<{ name: string; text: string }[]> {
  const names = await configurationNames(folder);
  const files: { name: string; text: string }[] = [];
  for (const name of names) {
    const { size } = await stat(join(folder, name));
    // What is too long to be read is refused by what is left of it, and not passed over.
    files.push({
      name,
      text: size > MAX_CONFIG_BYTES ? ' '.repeat(MAX_CONFIG_BYTES + 1) : await readFile(join(folder, name), 'utf8'),
    });
  }
  return files;
}
