/** The failpoints of this build: those of crash tests are in a module that images and the npm package do not have. */
import type { Failpoints } from '../../domain/ports/failpoints.ts';

interface CrashModule {
  readonly createFailpoints: (file: string) => Failpoints;
}

const NONE: Failpoints = { hit: () => Promise.resolve() };

/**
 * @param file what happens where; undefined: nothing ever happens
 * @param load the module of crash tests
 * @throws Error when a file is given to a build without that module
 */
export async function loadFailpoints(
  file: string | undefined,
  load: () => Promise<CrashModule> = () => import('./crash-failpoints.ts'),
): Promise<Failpoints> {
  if (file === undefined) return NONE;
  try {
    return (await load()).createFailpoints(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error(
      'PODWIRE_FAILPOINTS_FILE is set, and this build of podwire has no failpoints: they are for crash tests. Remove the setting',
      { cause: error },
    );
  }
}
