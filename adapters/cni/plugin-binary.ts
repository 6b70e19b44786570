/** Finds plugins: in the configured directories and nowhere else. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
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

const ELF = Buffer.from('\x7fELF');
const SCRIPT = Buffer.from('#!');

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
    const found = await look(path);
    if (found === undefined) continue;
    if ('version' in found) return { type, path, version: found.version };
    unfit.push(`${path} ${found.unfit}`);
  }
  const where = unfit.length > 0 ? unfit.join('; ') : `it is in none of ${dirs.join(', ')}`;
  throw new PodwireError(
    'CniPluginMissing',
    `CNI plugin ${type} cannot be used: ${where}; install it there, or change \`type\``,
  );
}

async function look(path: string): Promise<{ version: string } | { unfit: string } | undefined> {
  let file;
  try {
    // A FIFO of that name must not make us wait for a writer.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : { unfit: `cannot be opened (${code})` };
  }
  try {
    const { mode, ino, size, mtimeMs } = await file.stat();
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) return { unfit: 'is no regular file' };
    if ((mode & 0o111) === 0) return { unfit: 'is not executable' };
    if ((mode & 0o002) !== 0) return { unfit: 'may be written by everybody' };
    // execvp(3) gives what the kernel does not know to a shell, and an empty file, half installed, would then succeed at everything.
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    if (!buffer.equals(ELF) && !buffer.subarray(0, 2).equals(SCRIPT))
      return { unfit: 'is neither an ELF program nor a script' };
    return { version: `${ino}-${size}-${mtimeMs}` };
  } finally {
    await file.close();
  }
}
