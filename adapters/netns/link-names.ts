/**
 * Names of the links of a network namespace, read through a process that lives in it: microseconds where a program that enters the
 * namespace takes five milliseconds.
 */
import { readFileSync, statSync } from 'node:fs';
import type { NetnsIdentity } from '../../domain/records.ts';

/** Two lines of headings, then `  eth0: 1234 …` (proc_pid_net(5)). A link's name has no colon, blank or slash in it. */
const LINE = /^\s*([^\s:/]+):\s/;
const HEADINGS = 2;
/** Every namespace has it; a text without it was cut off. */
const LOOPBACK = 'lo';

/**
 * @param pid of the process, as the runtime says
 * @returns undefined when that process is not there, not to be seen from here, or in another namespace: then look in another way
 */
export function linkNamesOf(pid: number, { inode }: Pick<NetnsIdentity, 'inode'>): ReadonlySet<string> | undefined {
  try {
    if (netnsOf(pid) !== inode) return undefined;
    const lines = readFileSync(`/proc/${pid}/net/dev`, 'utf8').split('\n').slice(HEADINGS, -1);
    const names = lines.map((line) => LINE.exec(line)?.[1]);
    // The process may have been another one by the time its file was read.
    if (netnsOf(pid) !== inode || names.includes(undefined) || !names.includes(LOOPBACK)) return undefined;
    return new Set(names.filter((name) => name !== undefined));
  } catch {
    return undefined;
  }
}

const netnsOf = (pid: number): string => String(statSync(`/proc/${pid}/ns/net`, { bigint: true }).ino);
