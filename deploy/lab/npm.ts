/** npm of this machine, as other programs of the lab start it. */
import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { programPath } from './image-store.ts';

/** Folder of the npm package. @throws Error when there is no npm on the search path */
export function npmOfThisMachine(): string {
  return dirname(
    dirname(realpathSync(programPath('npm', `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`))),
  );
}

/** What of this process' environment has a name that matches. */
export function passedOn(pattern: RegExp): Record<string, string> {
  const entries = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && pattern.test(entry[0]),
  );
  return Object.fromEntries(entries);
}

/** npm's own settings of registry, proxies and certificates, and a home. */
export const npmEnv = (): Record<string, string> => ({
  HOME: homedir(),
  ...passedOn(/^((https?|no)_proxy|NODE_EXTRA_CA_CERTS|npm_config_(registry|cafile|userconfig|globalconfig))$/i),
});
