/**
 * Kernel settings of the network namespace that the calling thread is in: /proc/sys/net shows those of whoever opens a file of it. Synchronous
 * for that reason.
 */
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';

const ROOT = '/proc/sys';
/** Below /proc/sys, with slashes; a dot belongs to a link's name. */
const PATH = /^net\/[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)+$/;

/** Without those that are not there or cannot be read. */
export function readSysctls(paths: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const path of paths) {
    try {
      // As sysctl(8) prints them: fields are kept apart by tabs.
      values.set(path, readFileSync(fileOf(path), 'utf8').trim());
    } catch {
      continue;
    }
  }
  return values;
}

export interface SysctlRefused {
  readonly path: string;
  /** Name of the errno. */
  readonly code: string;
}

/** Writes what can be written. @returns what the kernel or the mount refused; a setting that is not there is left out */
export function writeSysctls(values: ReadonlyMap<string, string>): SysctlRefused[] {
  const refused: SysctlRefused[] = [];
  for (const [path, value] of values) {
    try {
      const fd = openSync(fileOf(path), constants.O_WRONLY);
      try {
        writeSync(fd, value);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      if (code !== 'ENOENT') refused.push({ path, code });
    }
  }
  return refused;
}

function fileOf(path: string): string {
  if (!PATH.test(path) || path.split('/').some((part) => part === '..' || part === '.'))
    throw new Error(`${JSON.stringify(path)} is no path of a network setting`);
  return `${ROOT}/${path}`;
}
