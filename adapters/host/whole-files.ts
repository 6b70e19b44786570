/** Files that are there as they were or as they shall be; but for `writeUnsynced`, also when the machine stops in between. */
import { copyFile, link, mkdtemp, open, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from './durable-file.ts';

/**
 * A program that is running is replaced like any other: it keeps the file that it was started from.
 *
 * @throws the error of the file system; then nothing has changed
 */
export const writeWhole = (path: string, text: string, mode: number): Promise<void> =>
  replace(path, mode, async (work) => {
    const file = await open(work, 'wx', mode);
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
  });

/** Ends the name of what `writeUnsynced` has not finished; a folder's owner removes it at its next start. */
export const UNSYNCED_UNFINISHED = '.new';

/**
 * Mode 0600. The file is whole for whoever reads it and whatever happens to the process; a crash of the machine may lose it.
 *
 * @throws the error of the file system; then nothing has changed
 */
export async function writeUnsynced(path: string, text: string): Promise<void> {
  const work = path + UNSYNCED_UNFINISHED;
  try {
    await writeFile(work, text, { mode: 0o600 });
    await rename(work, path);
  } catch (error) {
    await rm(work, { force: true });
    throw error;
  }
}

/** As `writeWhole`, of a file's bytes. */
export const copyWhole = (from: string, path: string, mode: number): Promise<void> =>
  replace(path, mode, (work) => copyFile(from, work));

/** Another name for a file of the same file system, whose bytes are kept once. */
export const linkWhole = (from: string, path: string): Promise<void> =>
  replace(path, undefined, (work) => link(from, work));

/** @returns whether it was there */
export async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  await syncFolder(dirname(path));
  return true;
}

/** undefined where there is none. */
export async function readWhole(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** In a folder of its own beside the path: nobody takes a file that is half written for one of that folder's. */
async function replace(path: string, mode: number | undefined, make: (work: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(dirname(path), '.podwire-'));
  try {
    const work = join(folder, 'new');
    await make(work);
    const file = await open(work, 'r');
    try {
      if (mode !== undefined) await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(work, path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  await syncFolder(dirname(path));
}
