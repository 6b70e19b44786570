/** Finds plugins: in the configured directories and nowhere else. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isPluginType } from '../../domain/cni/network-config.ts';
import { PodwireError } from '../../domain/failures.ts';
import { printable } from './printable.ts';

export interface PluginBinary {
  readonly type: string;
  readonly path: string;
  /** Changes when the file is replaced. */
  readonly version: string;
}

/**
 * The first executable regular file of that name. A link is followed: the directories belong to the administrator, and some
 * distributions fill them with links.
 *
 * @param type `type` of the plugin's configuration, or of its IPAM
 * @param dirs absolute paths, in order
 * @throws PodwireError CniConfigInvalid (no file name), CniPluginMissing
 */
export async function findPlugin(type: string, dirs: readonly string[]): Promise<PluginBinary> {
  // CVE-2021-20206: `../` in it ran any program of the host.
  if (!isPluginType(type)) {
    throw new PodwireError(
      'CniConfigInvalid',
      `plugin type ${JSON.stringify(printable(type, 60))} is no plain file name; allowed are letters, digits, '.', '_' and '-'`,
    );
  }
  const unfit: string[] = [];
  for (const dir of dirs) {
    const path = join(dir, type);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) continue;
    const why = whyUnfit(found.isFile(), found.mode);
    if (why === undefined) return { type, path, version: `${found.ino}-${found.size}-${found.mtimeMs}` };
    unfit.push(`${path} ${why}`);
  }
  const where = unfit.length > 0 ? unfit.join('; ') : `it is in none of ${dirs.join(', ')}`;
  throw new PodwireError(
    'CniPluginMissing',
    `CNI plugin ${type} cannot be used: ${where}; install it there, or change \`type\``,
  );
}

function whyUnfit(isFile: boolean, mode: number): string | undefined {
  if (!isFile) return 'is no regular file';
  if ((mode & 0o111) === 0) return 'is not executable';
  return (mode & 0o002) === 0 ? undefined : 'may be written by everybody';
}
