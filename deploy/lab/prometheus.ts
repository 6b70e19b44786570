/** A real Prometheus and its promtool, unpacked from Debian's package into the lab's cache. It is not installed: the package starts a service. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { binaryCache } from './binaries.ts';
import { must } from './commands.ts';

/** Of Debian 12. */
const VERSION = '2.42.0+ds-5+deb12u1';
const DOWNLOAD_TIMEOUT_MS = 5 * 60_000;

export interface Prometheus {
  readonly prometheus: string;
  readonly promtool: string;
}

/** Paths of both; fetches the package when the cache has none. @throws Error with apt's own words */
export async function ensurePrometheus(): Promise<Prometheus> {
  const cached = join(binaryCache(), `prometheus-${VERSION}`);
  if (!existsSync(cached)) await fetchInto(cached);
  const program = (name: string): string => join(cached, 'usr/bin', name);
  return { prometheus: program('prometheus'), promtool: program('promtool') };
}

async function fetchInto(folder: string): Promise<void> {
  // Named by pid, as the builds: a crash leaves nothing half under the final name.
  const work = join(binaryCache(), `.build-${process.pid}-prometheus`);
  mkdirSync(work, { recursive: true });
  try {
    await must('env', ['-C', work, 'apt-get', 'download', '-q', `prometheus=${VERSION}`], {
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
    });
    const [archive] = readdirSync(work).filter((file) => file.endsWith('.deb'));
    if (archive === undefined) throw new Error(`apt-get download prometheus=${VERSION} left no file`);
    await must('dpkg-deb', ['-x', join(work, archive), join(work, 'root')], { timeoutMs: DOWNLOAD_TIMEOUT_MS });
    renameSync(join(work, 'root'), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
