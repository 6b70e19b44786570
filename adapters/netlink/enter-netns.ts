/**
 * One synchronous stretch in another network namespace. A thread is moved, not the process; in between nothing else runs on it, since
 * nothing is awaited. A thread that cannot go back would do everybody's work in a pod: then the process ends.
 */
import { openSync, statSync, writeSync } from 'node:fs';
import { PodwireError } from '../../domain/failures.ts';
import { endProcess, setNetns, SystemCallFailed } from '../libc/calls.ts';
import { ERRNO } from './refused.ts';

export interface NetnsDescriptor {
  /** Open descriptor of this process. */
  readonly fd: number;
  /** Which namespace it must be: a descriptor that was closed meanwhile may be another file now. */
  readonly inode: string;
}

/** Not open, or no namespace any more. */
const CLOSED: readonly number[] = [ERRNO.EBADF, ERRNO.EINVAL];

let home: number | undefined;

/** Where this thread belongs; from the first call on. It stays open. */
export function homeDescriptor(): number {
  home ??= openSync(OWN, 'r');
  return home;
}

/** Enters the namespace that this thread is in, which tells whether it may enter any. @throws SystemCallFailed */
export function enterOwn(): void {
  setNetns(homeDescriptor());
}

/**
 * Runs `work` in the namespace.
 * @throws PodwireError SandboxGone when the descriptor leads elsewhere; SystemCallFailed when the kernel does not let this thread in
 */
export function inNetns<T>({ fd, inode }: NetnsDescriptor, work: () => T): T {
  const back = homeDescriptor();
  enter(fd);
  try {
    // Looked at from inside: the descriptor's number may have become another file's at any moment before.
    if (String(statSync(OWN, { bigint: true }).ino) !== inode) throw gone();
    return work();
  } finally {
    goBack(back);
  }
}

const OWN = '/proc/thread-self/ns/net';
const gone = (): PodwireError =>
  new PodwireError('SandboxGone', 'the network namespace was closed before it was entered');

function enter(fd: number): void {
  try {
    setNetns(fd);
  } catch (error) {
    if (error instanceof SystemCallFailed && CLOSED.includes(error.errno)) throw gone();
    throw error;
  }
}

function goBack(fd: number): void {
  try {
    setNetns(fd);
  } catch (error) {
    writeSync(2, `podwire: a thread cannot leave a pod's network namespace (${String(error)}); the process ends\n`);
    endProcess(70);
  }
}
