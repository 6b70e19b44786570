/** A folder of network configurations on the node: `*.conf`, `*.conflist` and `*.json`, in the order of their names (as libcni reads it). */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeConfig } from '../../domain/cni/node-configs.ts';
import { MAX_CONFIG_BYTES, parseNetworkConfig } from '../../domain/cni/network-config.ts';

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
  const names = (await readdir(dir)).filter((name) => /\.(conf|conflist|json)$/.test(name)).sort();
  const configs: NodeConfig[] = [];
  const problems: string[] = [];
  let bytes = 0;
  for (const file of names) {
    const read = configs.length < MAX_FILES ? await readOne(join(dir, file)) : `is one of more than ${MAX_FILES} files`;
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

async function readOne(path: string): Promise<{ readonly name: string; readonly text: string } | string> {
  const { size } = await stat(path);
  if (size > MAX_CONFIG_BYTES) return `has ${size} bytes; allowed: ${MAX_CONFIG_BYTES}`;
  const text = await readFile(path, 'utf8');
  const parsed = parseNetworkConfig(text, '');
  return parsed.ok ? { name: parsed.config.name, text } : parsed.problems.map(({ why }) => why).join('; ');
}
