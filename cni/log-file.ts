/** The executable's log: a line for each call, a file and the one before it. */
import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const MAX_BYTES = 4 * 1024 * 1024;

/**
 * A link is not followed and a pipe not waited for: a folder that others may write to makes root write nowhere else. A file that has grown
 * to 4 MiB becomes `<path>.1` in the place of the one before.
 *
 * @throws the error of the file system
 */
export function appendLine(path: string, line: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  const fd = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    // One write, so that lines of executables that run at once do not mix.
    writeSync(fd, `${line}\n`);
    const { size, ino, dev } = fstatSync(fd);
    if (size < MAX_BYTES) return;
    const named = lstatSync(path);
    // Another one may have done it by now.
    if (named.ino === ino && named.dev === dev) renameSync(path, `${path}.1`);
  } finally {
    closeSync(fd);
  }
}
