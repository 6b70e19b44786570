/**
 * The lock under which the plugin host-local changes its reservations (v1.9.1, backend/disk/lock.go): flock(2) on the file `lock` of the
 * network's folder. The lock is of the open file, which flock(1) shares with this process: it holds until the file is closed here.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { PodwireError } from '../../domain/failures.ts';
import { run } from '../process/run.ts';

const FLOCK = '/usr/bin/flock';
/** The plugin holds it for milliseconds. */
const WAIT_SECONDS = 2;

/** Runs `work` with the lock of a network's folder. @throws PodwireError KernelBusy when somebody else holds it for two seconds */
export async function underHostLocalLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const file = await open(join(folder, 'lock'), 'a', 0o600);
  try {
    const { code, stderr } = await run({
      file: FLOCK,
      args: ['--exclusive', '--wait', String(WAIT_SECONDS), '3'],
      fds: [file.fd],
      timeoutMs: (WAIT_SECONDS + 2) * 1_000,
    });
    if (code !== 0) {
      const why = stderr.trim() === '' ? `somebody held it for ${WAIT_SECONDS} s` : stderr.trim();
      throw new PodwireError('KernelBusy', `host-local's lock ${join(folder, 'lock')} cannot be had: ${why}`);
    }
    return await work();
  } finally {
    await file.close();
  }
}
