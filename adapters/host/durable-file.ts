/** Files that are whole or not there, whatever happens to the process or the machine. */
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

/** Begins the name of what is not finished; a folder's owner removes it at its next start. */
export const UNFINISHED = '.new-';

/**
 * Writes beside the file, syncs, and puts it in its place. When this returns, the new content survives a loss of power, and so does whatever was
 * done to the folder before.
 * @param folder open, of the file
 * @throws the system's error; then the file holds the old content or the new one
 */
export async function writeDurably(dir: string, folder: FileHandle, name: string, content: string): Promise<void> {
  const unfinished = join(dir, UNFINISHED + name);
  try {
    const file = await open(unfinished, 'w', 0o600);
    try {
      await file.writeFile(content);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(unfinished, join(dir, name));
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw error;
  }
  await folder.sync();
}
