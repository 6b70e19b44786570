/** Files that are whole or not there, whatever happens to the process or the machine. */
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Begins the name of what is not finished; a folder's owner removes it at its next start. */
export const UNFINISHED = '.new-';

/**
 * Opens a folder, made with those above it when it is absent, mode 0700. When this returns, all of them survive a loss of power.
 * @param dir absolute path
 * @throws the system's error
 */
export async function openFolder(dir: string): Promise<FileHandle> {
  const firstMade = await mkdir(dir, { recursive: true, mode: 0o700 });
  for (let made = dir; firstMade !== undefined && made.length >= firstMade.length; made = dirname(made))
    await syncFolder(dirname(made));
  return open(dir, 'r');
}

/** What was done to the names of a folder survives a loss of power. @throws the system's error */
export async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

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
