/**
 * Opens network namespaces, and refuses everything that is none or is not a pod's.
 * The file is opened once; every check and every later use goes through that descriptor, so that nobody can swap the path in between.
 * All of it is in memory and takes microseconds; by way of threads, the hundreds of namespaces of one node cost ten times that.
 */
import { closeSync, constants, fstatSync, openSync, statfsSync, statSync } from 'node:fs';
import { PodwireError } from '../../domain/failures.ts';
import type { NetnsIdentity } from '../../domain/records.ts';

export interface NetnsFile {
  readonly fd: number;
  readonly identity: NetnsIdentity;
  /** Harmless when done twice. */
  close(): void;
}

/** Magic of nsfs, linux/magic.h. */
const NSFS_MAGIC = 0x6e736673n;
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/**
 * @param roots folders that may hold netns files; the path must name a file right below one of them
 * @throws PodwireError NetnsRefused (path, kind of file, own netns), SandboxGone (no such file)
 */
export function openNetns(path: string, roots: readonly string[]): NetnsFile {
  requireAllowed(path, roots);
  const fd = openFile(path);
  let open = true;
  const close = (): void => {
    if (open) closeSync(fd);
    open = false;
  };
  try {
    const { type } = statfsSync(`/proc/self/fd/${fd}`, { bigint: true });
    if (type !== NSFS_MAGIC) throw refused(path, 'it is not a network namespace');
    const found = fstatSync(fd, { bigint: true });
    nodesOwn ??= ['/proc/self/ns/net', '/proc/1/ns/net'].map(inodeOf);
    if (nodesOwn.includes(found.ino)) throw refused(path, "it is the node's own network namespace");
    return { fd, identity: { path, inode: String(found.ino), ctimeNs: String(found.ctimeNs) }, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Whether the file of a namespace is there and is still that namespace's. */
export function namespaceIsThere({ path, inode }: NetnsIdentity): boolean {
  return String(statSync(path, { bigint: true, throwIfNoEntry: false })?.ino) === inode;
}

/** Neither this process nor the first one ever changes its namespace. */
let nodesOwn: (bigint | undefined)[] | undefined;

/** The inode of a namespace of a process; undefined when this process may not look. */
function inodeOf(path: string): bigint | undefined {
  try {
    return statSync(path, { bigint: true }).ino;
  } catch {
    return undefined;
  }
}

function requireAllowed(path: string, roots: readonly string[]): void {
  const slash = path.lastIndexOf('/');
  if (roots.includes(path.slice(0, slash)) && FILE_NAME.test(path.slice(slash + 1))) return;
  throw refused(path, `network namespaces are accepted only right below ${roots.join(', ')}`);
}

function openFile(path: string): number {
  try {
    // Not through a symbolic link: its target would not be the file that the runtime named. A pipe without a writer must not hold us.
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') {
      throw new PodwireError('SandboxGone', `network namespace ${path} does not exist any more`, { cause });
    }
    throw new PodwireError('NetnsRefused', `network namespace ${path} cannot be opened: ${code ?? 'unknown error'}`, {
      cause,
    });
  }
}

const refused = (path: string, why: string): PodwireError =>
  new PodwireError('NetnsRefused', `netns path ${path} is refused: ${why}`);
