/** The reference CNI plugins in the version podwire is tested with, built from their published Go module into the cache. */
import { constants, copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { binaryCache, findGo, goCommand } from './binaries.ts';
import type { Progress } from './progress.ts';

export const CNI_PLUGINS_VERSION = 'v1.9.1';
/** Where Debian's package containernetworking-plugins puts its set. */
export const DEBIAN_CNI_DIR = '/usr/lib/cni';

const MODULE = 'github.com/containernetworking/plugins';
const PLUGINS = [
  ...['main/bridge', 'main/macvlan', 'main/ptp', 'main/host-device', 'main/loopback'],
  ...['meta/tuning', 'meta/portmap', 'meta/bandwidth', 'meta/firewall', 'meta/sbr'],
  ...['ipam/host-local', 'ipam/static'],
];

/** Directory of the built plugins; it is there whole or not at all. */
export function cniPluginsDir(): string {
  return join(binaryCache(), `cni-plugins-${CNI_PLUGINS_VERSION}`);
}

export const cniPluginsPresent = (): boolean => existsSync(cniPluginsDir());

/** Puts the plugins into a folder, each unless it is there: copies, for whoever replaces one there must not change the cache. */
export function copyCniPlugins(folder: string): void {
  const has = new Set(readdirSync(folder));
  for (const name of readdirSync(cniPluginsDir()).filter((each) => !has.has(each))) {
    // Under its name only when it is whole.
    copyFileSync(join(cniPluginsDir(), name), join(folder, `.${name}`), constants.COPYFILE_FICLONE);
    renameSync(join(folder, `.${name}`), join(folder, name));
  }
}

/** Makes a folder of plugins as the lab made it, whatever was put there, replaced or taken away. */
export function resetCniPlugins(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
  copyCniPlugins(folder);
}

/** Builds the plugins unless they are cached (one build for all: 7 s on two cores). @returns their directory @throws Error with the compiler's words */
export async function ensureCniPlugins(progress: Progress): Promise<string> {
  const dir = cniPluginsDir();
  if (cniPluginsPresent()) return dir;
  const go = findGo();
  if (go === undefined)
    throw new Error(`Go is not installed, and the CNI plugins ${CNI_PLUGINS_VERSION} must be built`);
  mkdirSync(binaryCache(), { recursive: true });
  // Named by pid: two labs may build at once.
  const work = join(binaryCache(), `.build-${process.pid}-cni-plugins`);
  try {
    await progress.task(`go install CNI plugins ${CNI_PLUGINS_VERSION}`, () =>
      goCommand(
        go,
        [
          ...['install', '-trimpath', '-ldflags'],
          `-s -w -X ${MODULE}/pkg/utils/buildversion.BuildVersion=${CNI_PLUGINS_VERSION}`,
          ...PLUGINS.map((name) => `${MODULE}/plugins/${name}@${CNI_PLUGINS_VERSION}`),
        ],
        { GOBIN: work },
      ),
    );
    keepFirst(work, dir);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return dir;
}

/** Another lab may have been faster; its plugins are as good. */
function keepFirst(work: string, dir: string): void {
  try {
    renameSync(work, dir);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!['ENOTEMPTY', 'EEXIST'].includes(code)) throw error;
  }
}
