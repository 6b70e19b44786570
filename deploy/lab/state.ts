/** What a lab remembers on disk, and the lock that keeps two commands from changing one lab at once. */
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { daemonPid, noteDaemon } from '../../adapters/process/daemon.ts';
import { labLayout, RUN_ROOT, STATE_ROOT } from './layout.ts';
import type { ClusterNetwork, LabLayout } from './layout.ts';

/** Loopback ports of the host that lead into the lab. */
export interface HostPorts {
  readonly apiserver: number;
  readonly etcd: number;
  readonly temporal: number;
  readonly temporalUi: number;
}

export interface LabState {
  readonly v: 1;
  readonly name: string;
  readonly nodes: number;
  /** The kernel's boot id: after a reboot nothing of the lab's namespaces and mounts is left. */
  readonly bootId: string;
  readonly phase: 'starting' | 'up';
  /** Whether it has a Temporal and an etcd for podwire beside the cluster; else they come as pods. */
  readonly stores: boolean;
  readonly network: ClusterNetwork;
  readonly ports: HostPorts;
  readonly binaries: Readonly<Record<string, string>>;
}

/** Reads a lab's state; undefined when there is none. @throws Error when the file is damaged. */
export function readState(lab: LabLayout): LabState | undefined {
  if (!existsSync(lab.stateFile)) return undefined;
  const state = JSON.parse(readFileSync(lab.stateFile, 'utf8')) as LabState;
  if (state.v !== 1) throw new Error(`${lab.stateFile}: version ${String(state.v)} is not known; run 'lab down' first`);
  return state;
}

/** Writes a lab's state, whole or not at all. */
export function writeState(lab: LabLayout, state: LabState): void {
  mkdirSync(lab.dir, { recursive: true, mode: 0o750 });
  writeFileSync(`${lab.stateFile}.new`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${lab.stateFile}.new`, lab.stateFile);
}

/** The kernel's id of this boot (proc(5), random/boot_id). */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Names of the labs that left a state directory on this machine. */
function knownLabs(): string[] {
  return existsSync(STATE_ROOT) ? readdirSync(STATE_ROOT) : [];
}

/**
 * Chooses loopback ports that are free now and belong to no other lab. They lie below the kernel's ephemeral range
 * (32768 and up, ip(7)), so that no outgoing connection takes one while its forwarder is down.
 *
 * @throws Error when none of the range is free.
 */
export async function choosePorts(name: string): Promise<HostPorts> {
  const taken = new Set<number>();
  for (const other of knownLabs()) {
    if (other === name) continue;
    for (const port of Object.values(readState(labLayout(other))?.ports ?? {}) as number[]) taken.add(port);
  }
  // Spread by name, so that labs started at the same moment look at different ports.
  let port = 20_000 + [...name].reduce((hash, char) => (hash * 31 + char.charCodeAt(0)) % 1_000, 7) * 10;
  const next = async (): Promise<number> => {
    for (let tries = 0; tries < 500; tries++) {
      const candidate = port++;
      if (!taken.has(candidate) && (await isFree(candidate))) return candidate;
    }
    throw new Error('no free loopback port found');
  };
  return { apiserver: await next(), etcd: await next(), temporal: await next(), temporalUi: await next() };
}

/** Whether a port of the host's loopback can be listened on. */
export async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Runs `work` while holding the lab's lock. @throws Error when a living process holds it. */
export async function withLabLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(RUN_ROOT, { recursive: true, mode: 0o755 });
  const lock = join(RUN_ROOT, `${name}.lock`);
  const own = `${lock}.${process.pid}`;
  noteDaemon(own, process.pid);
  try {
    takeLock(name, lock, own);
    try {
      removeDeadNotes(`${name}.lock.`);
      return await work();
    } finally {
      rmSync(lock, { force: true });
    }
  } finally {
    rmSync(own, { force: true });
  }
}

/** Notes of processes that were killed while they held the lock. */
function removeDeadNotes(prefix: string): void {
  for (const file of readdirSync(RUN_ROOT).filter((each) => each.startsWith(prefix))) {
    const [, pid = '', half] = /^(\d+)(\.new)?$/.exec(file.slice(prefix.length)) ?? [];
    const note = join(RUN_ROOT, file);
    // One that is being written says nothing yet.
    const lives = half === undefined ? daemonPid(note) !== undefined : existsSync(join('/proc', pid));
    if (!lives) rmSync(note, { force: true });
  }
}

/** A hard link is made by one process only, and brings its note along. */
function takeLock(name: string, lock: string, own: string): void {
  for (let tries = 0; tries < 3; tries++) {
    try {
      linkSync(own, lock);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = daemonPid(lock);
    if (holder !== undefined)
      throw new Error(`lab '${name}' is being changed by process ${holder}; wait for it or end it`);
    // Its holder was killed.
    rmSync(lock, { force: true });
  }
  throw new Error(`lab '${name}' is being changed by another process`);
}
