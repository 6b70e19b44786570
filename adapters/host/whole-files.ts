/** Files of the host that others read or run: each is there as it was or as it shall be, also when the machine stops in between. */
import { copyFile, link, mkdtemp, open, readFile, rename, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

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
  await sync(dirname(path));
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
  await sync(dirname(path));
}

/** The names of a folder. */
async function sync(folder: string): Promise<void> {
  const opened = await open(folder, 'r');
  try {
    await opened.sync();
  } finally {
    await opened.close();
  }
}
