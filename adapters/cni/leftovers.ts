/**
 * Files of host-local and libcni, read and, for a person who asks for it, removed. Formats: host-local v1.9.1 (backend/disk/backend.go: `<dir>/<network>/<address>`
 * holds `<container id>\r\n<interface>`, older ones the id alone), libcni 1.3 (api.go: `<dir>/<network>-<container id>-<interface>`).
 */
import { readdir, readFile, unlink } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import type { CacheFile, CniLeftovers, Reservation } from '../../domain/ports/cni-leftovers.ts';
import { underHostLocalLock } from './host-local-lock.ts';
import { printable } from './printable.ts';

export interface LeftoverPlaces {
  /** Of host-local. */
  readonly networksDir: string;
  /** Of libcni. */
  readonly resultsDir: string;
}

const DEFAULT_PLACES: LeftoverPlaces = {
  networksDir: '/var/lib/cni/networks',
  resultsDir: '/var/lib/cni/results',
};

/** More are looked at by the next sweeps, when some of these are gone. */
const MAX_FILES = 4_096;

const cacheSchema = z.object({
  kind: z.literal('cniCacheV1'),
  containerId: z.string().min(1),
  ifName: z.string(),
  networkName: z.string(),
});

/** The folders in which names come and go with reservations and cache files, as far as they are there. */
export async function leftoverFolders({ networksDir, resultsDir } = DEFAULT_PLACES): Promise<string[]> {
  const networks = await namesIn(networksDir);
  return [networksDir, resultsDir, ...networks.map((network) => join(networksDir, network))];
}

export function createCniLeftovers({ networksDir, resultsDir }: LeftoverPlaces = DEFAULT_PLACES): CniLeftovers {
  const reservation = async (network: string, address: string): Promise<Reservation | undefined> => {
    const text = await textOf(join(networksDir, network, address));
    if (text === undefined) return undefined;
    const [sandboxId = '', interfaceName = ''] = text.trim().split(/\r?\n/);
    return { network, address, sandboxId: printable(sandboxId, 140), interfaceName: printable(interfaceName, 20) };
  };
  const cacheFile = async (name: string): Promise<CacheFile | undefined> => {
    const file = join(resultsDir, name);
    const parsed = cacheSchema.safeParse(jsonOf(await textOf(file)));
    // Not libcni's own form: nothing is known about it.
    if (!parsed.success) return undefined;
    const { containerId, ifName, networkName } = parsed.data;
    return {
      file,
      sandboxId: printable(containerId, 140),
      interfaceName: printable(ifName, 20),
      network: printable(networkName, 253),
    };
  };
  return {
    async reservations() {
      const found: Reservation[] = [];
      for (const network of await namesIn(networksDir)) {
        for (const name of await namesIn(join(networksDir, network))) {
          if (found.length >= MAX_FILES) return found;
          // Besides addresses there are `lock` and `last_reserved_ip.N`.
          const one = isIP(name) === 0 ? undefined : await reservation(network, name);
          if (one !== undefined) found.push(one);
        }
      }
      return found;
    },
    async cacheFiles() {
      const found: CacheFile[] = [];
      for (const name of (await namesIn(resultsDir)).slice(0, MAX_FILES)) {
        const one = await cacheFile(name);
        if (one !== undefined) found.push(one);
      }
      return found;
    },
    async removeReservation(wanted) {
      const { network, address, sandboxId, interfaceName } = wanted;
      return underHostLocalLock(join(networksDir, network), async () => {
        const now = await reservation(network, address);
        if (now?.sandboxId !== sandboxId || now.interfaceName !== interfaceName) return false;
        await unlink(join(networksDir, network, address));
        return true;
      });
    },
    async removeCacheFile(wanted) {
      const now = await cacheFile(wanted.file.slice(resultsDir.length + 1));
      if (now?.file !== wanted.file || now.sandboxId !== wanted.sandboxId) return false;
      await unlink(wanted.file);
      return true;
    },
  };
}

async function namesIn(dir: string): Promise<string[]> {
  return (await unlessAbsent(readdir(dir))) ?? [];
}

const textOf = (file: string): Promise<string | undefined> => unlessAbsent(readFile(file, 'utf8'));

/** Others write here all the time. */
async function unlessAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

function jsonOf(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
