/** A Unix socket at a path of the host that only root may open, and that is there whole or not at all. */
import { lstatSync, mkdirSync, mkdtempSync, chmodSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname, join } from 'node:path';

/** The path cannot be listened at; `message` says why. */
export class SocketRefused extends Error {}

const CONNECT_MS = 1_000;
/** Connections beyond it are refused with EAGAIN, before anybody could say why; the kernel's own limit is 4096. */
const BACKLOG = 2_048;

/**
 * Listens in a folder that only root may enter, then moves the socket to its path, so that it has its mode (0600) before anybody can find it.
 * The socket of a process that has ended is replaced in the same step.
 *
 * @returns takes the path away again, unless it is somebody else's by then
 * @throws SocketRefused: another process answers there, or what is there is no socket; the error of the file system
 */
export async function listenAtPath(server: Server, path: string): Promise<() => void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  await refuseUnlessFree(path);
  // Below the socket's own folder, the only one that a pod may write. Names as short as can be: a socket's path has 107 bytes.
  const folder = mkdtempSync(`${dirname(path)}/.`);
  const hidden = join(folder, 's');
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path: hidden, backlog: BACKLOG }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    chmodSync(hidden, 0o600);
    const { ino } = lstatSync(hidden);
    renameSync(hidden, path);
    return () => removeOwn(path, ino);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function refuseUnlessFree(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new SocketRefused(`${path} is no socket; remove it, or set another path`);
  if (await answers(path)) throw new SocketRefused(`another process answers at ${path}; end it, or set another path`);
}

/** A socket without its process refuses connections; one whose process is busy takes them, or has its queue full. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path, timeout: CONNECT_MS });
    const say = (is: boolean): void => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', () => say(true));
    socket.once('timeout', () => say(true));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      say(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
}

function removeOwn(path: string, ino: number): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.ino === ino) unlinkSync(path);
}
