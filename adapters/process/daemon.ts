/**
 * Long-lived children that outlive this process: detached, a process group of their own, output appended to a log file,
 * known again later by a note file that holds the pid and the kernel's start time of it.
 */
import { spawn } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTime } from './registry.ts';

export interface DaemonSpec {
  /** Absolute path of the program. */
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string>>;
  /** Where stdout and stderr are appended; its directory is made when absent. */
  readonly logFile: string;
  /** Where pid and start time are noted. */
  readonly noteFile: string;
}

const POLL_MS = 20;
const KILL_LIMIT_MS = 10_000;

/**
 * Starts a program that survives this process, and notes it. The note is written right after the program was started; a
 * caller that must find a child of a crash in between marks it in the environment.
 *
 * @returns the pid, which is also the process group.
 * @throws Error when the program cannot be started (absent, not executable).
 */
export async function startDaemon(spec: DaemonSpec): Promise<number> {
  mkdirSync(dirname(spec.logFile), { recursive: true });
  const log = openSync(spec.logFile, 'a', 0o640);
  try {
    writeSync(log, `--- ${new Date().toISOString()} start: ${spec.file} ${spec.args.join(' ')}\n`);
    const child = spawn(spec.file, [...spec.args], {
      env: { ...spec.env },
      cwd: '/',
      detached: true,
      stdio: ['ignore', log, log],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) => reject(new Error(`cannot start ${spec.file}: ${cause.message}`, { cause })));
    });
    // 'spawn' was seen, so there is a pid.
    const pid = child.pid as number;
    noteDaemon(spec.noteFile, pid);
    child.unref();
    return pid;
  } finally {
    closeSync(log);
  }
}

/** Notes a running process as the daemon of this note file. */
export function noteDaemon(noteFile: string, pid: number): void {
  mkdirSync(dirname(noteFile), { recursive: true });
  writeFileSync(`${noteFile}.new`, `${pid} ${startTime(pid) ?? 'gone'}\n`);
  renameSync(`${noteFile}.new`, noteFile);
}

/** Pid of the noted process while any of its threads runs; undefined when it ended or its pid is somebody else's now. */
export function daemonPid(noteFile: string): number | undefined {
  const [pidText, noted] = readNote(noteFile).split(' ');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  return noted !== undefined && noted === startTime(pid) && !hasEnded(pid) ? pid : undefined;
}

/**
 * Signals the whole process group of a noted daemon, waits until its leader is gone with all threads, kills it after the grace period, and
 * removes the note. A daemon that is already gone is fine.
 *
 * @throws Error when it survives SIGKILL for 10 s (a process in uninterruptible sleep).
 */
export async function stopDaemon(noteFile: string, signal: NodeJS.Signals, graceMs: number): Promise<void> {
  const pid = daemonPid(noteFile);
  if (pid !== undefined) {
    signalGroup(pid, signal);
    const ended = await goneWithin(noteFile, graceMs);
    // Also when the leader is gone: members of its group that ignored the signal may still run.
    signalGroup(pid, 'SIGKILL');
    if (!ended && !(await goneWithin(noteFile, KILL_LIMIT_MS))) {
      throw new Error(`process ${pid} of ${noteFile} survived SIGKILL for ${KILL_LIMIT_MS / 1000} s`);
    }
  }
  rmSync(noteFile, { force: true });
}

async function goneWithin(noteFile: string, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (daemonPid(noteFile) !== undefined) {
    if (performance.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Threads of a killed process end one by one. Its first one may be a zombie while others are still in the kernel (a write to
 * a disk, say), and until the last of them has ended the process holds its sockets, files and locks.
 */
function hasEnded(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const isZombie = stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
    return isZombie && readdirSync(`/proc/${pid}/task`).length <= 1;
  } catch {
    return true;
  }
}

function readNote(noteFile: string): string {
  try {
    return readFileSync(noteFile, 'utf8').trim();
  } catch {
    return '';
  }
}
