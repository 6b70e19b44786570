/** Files of the build, which labs and tests start as the images do. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const BUILD = fileURLToPath(new URL('../../build', import.meta.url));

/** @param path below `build`. @throws Error when it is not there */
export function builtFile(path: string): string {
  const file = join(BUILD, path);
  if (!existsSync(file)) throw new Error('podwire is not built; run: npm run build');
  return file;
}
