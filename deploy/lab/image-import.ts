/** Brings images from archives into a containerd. */
import type { ImageArchive } from './image-archive.ts';
import { must } from './commands.ts';

const IMPORT_TIMEOUT_MS = 3 * 60_000;

/**
 * Imports what this containerd does not have. Images are compared by the digest of their manifest: one that was rebuilt under its tag
 * is replaced.
 *
 * @param criSocket containerd's socket
 */
export async function importPodwireImages(criSocket: string, archives: readonly ImageArchive[]): Promise<void> {
  const ctr = ['--address', criSocket, '--namespace', 'k8s.io', 'images'];
  const present = parseImages(await must('ctr', [...ctr, 'ls']));
  for (const { file, images } of archives) {
    if (images.every(({ name, digest }) => present.get(name) === digest)) continue;
    await must('ctr', [...ctr, 'import', file], { timeoutMs: IMPORT_TIMEOUT_MS });
  }
}

/** Digests by name, from `ctr images ls`: a heading, then REF TYPE DIGEST SIZE … in columns. */
function parseImages(listed: string): Map<string, string> {
  const rows = listed
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/));
  return new Map(rows.flatMap(([name, , digest]) => (name && digest ? [[name, digest] as const] : [])));
}
