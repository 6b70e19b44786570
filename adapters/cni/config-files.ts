/**
 * A folder of network configurations on the node: `*.conf`, `*.conflist` and `*.json`, in the order of their names (as libcni reads it).
 * A list goes on with the plugins of the folder that has its name (CNI SPEC 1.1, section 1, `loadOnlyInlinedPlugins`).
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonValue } from '../../domain/cni/attachment.ts';
import { MAX_CONFIG_BYTES, openListName, parseNetworkConfig } from '../../domain/cni/network-config.ts';
import { isConfigurationFile, isListFile, type NodeConfig } from '../../domain/cni/node-configs.ts';
import { isJsonList, isJsonObject, member, parseStrictJson } from '../../domain/text/strict-json.ts';

const MAX_FILES = 64;
/** etcd takes a request of 1.5 MiB. */
const MAX_ALL_BYTES = 512 * 1024;

export interface ConfigFiles {
  readonly configs: readonly NodeConfig[];
  /** A sentence for each file that is not used. */
  readonly problems: readonly string[];
}

/** @throws the error of the file system when the folder cannot be read */
export async function readConfigFiles(dir: string): Promise<ConfigFiles> {
  const names = (await readdir(dir)).filter(isConfigurationFile).sort();
  const configs: NodeConfig[] = [];
  const problems: string[] = [];
  let bytes = 0;
  for (const file of names) {
    const read = configs.length < MAX_FILES ? await readOne(dir, file) : `is one of more than ${MAX_FILES} files`;
    const room = typeof read === 'string' || bytes + Buffer.byteLength(read.text) <= MAX_ALL_BYTES;
    if (typeof read === 'string') problems.push(`${file} ${read}`);
    else if (!room) problems.push(`${file} is left out: all files together may have ${MAX_ALL_BYTES} bytes`);
    else {
      bytes += Buffer.byteLength(read.text);
      configs.push({ file, ...read });
    }
  }
  return { configs, problems };
}

/** The folder and those below it, which `readConfigFiles` reads: where something may change. */
export async function configFolders(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  const below = entries.filter((entry) => entry.isDirectory()).slice(0, MAX_FILES);
  return [dir, ...below.map(({ name }) => join(dir, name))];
}

type Read = { readonly name: string; readonly text: string } | string;

/** A text: why the file is not used, to be read behind its name. */
async function readOne(dir: string, file: string): Promise<Read> {
  const read = await readText(join(dir, file));
  if ('why' in read) return read.why;
  const whole = await withFolder(dir, file, read.text);
  if ('why' in whole) return whole.why;
  const parsed = parseNetworkConfig(whole.text, '');
  return parsed.ok ? { name: parsed.config.name, text: whole.text } : parsed.problems.map(({ why }) => why).join('; ');
}

type Text = { readonly text: string } | { readonly why: string };

async function readText(path: string): Promise<Text> {
  const { size } = await stat(path);
  if (size > MAX_CONFIG_BYTES) return { why: `has ${size} bytes; allowed: ${MAX_CONFIG_BYTES}` };
  return { text: await readFile(path, 'utf8') };
}

/** The text itself where nothing is to be added. */
async function withFolder(dir: string, file: string, text: string): Promise<Text> {
  const json = parseStrictJson(text, { maxBytes: MAX_CONFIG_BYTES });
  const top = json.ok && isJsonObject(json.value) ? json.value : {};
  const own = member(top, 'plugins') ?? [];
  const name = isListFile(file) || Object.hasOwn(top, 'plugins') ? openListName(top) : undefined;
  if (name === undefined || !isJsonList(own)) return { text };
  const plugins: JsonValue[] = [];
  for (const part of await pluginFiles(join(dir, name))) {
    const read = await readText(join(dir, name, part));
    const plugin = 'why' in read ? read : pluginIn(read.text);
    if ('why' in plugin) return { why: `goes on with ${name}/${part}, which ${plugin.why}` };
    plugins.push(plugin.value);
  }
  return { text: plugins.length === 0 ? text : JSON.stringify({ ...top, plugins: [...own, ...plugins] }) };
}

function pluginIn(text: string): { readonly value: JsonValue } | { readonly why: string } {
  const json = parseStrictJson(text, { maxBytes: MAX_CONFIG_BYTES });
  if (!json.ok) return json;
  return isJsonObject(json.value) ? json : { why: 'is no JSON object' };
}

async function pluginFiles(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
  return entries.filter((name) => name.endsWith('.conf')).sort();
}
