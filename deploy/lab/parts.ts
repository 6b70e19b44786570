/** Long-lived processes of a lab ("parts"): started detached, recorded on disk, found again by any later command. */
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { join } from 'node:path';
import { daemonPid, noteDaemon, startDaemon, stopDaemon } from '../../adapters/process/daemon.ts';
import { findProgram, SEARCH_PATH } from './commands.ts';
import { LAB_MARK, markedProcesses, PART_MARK } from './processes.ts';
import { waitFor } from './waiting.ts';

/** What identifies a lab here: a `Lab` or its layout. */
export interface LabPlace {
  readonly name: string;
  readonly dir: string;
}

export interface PartSpec {
  /** Unique within the lab; also the name of its log. */
  name: string;
  /** Network namespace file to run in; the host's when absent. */
  netnsPath?: string;
  /** Mount namespace file to run in; only together with `netnsPath`. */
  mountNsPath?: string;
  /** Absolute path of the program. */
  file: string;
  args: string[];
  /** Its environment; PATH is added when absent. */
  env: Record<string, string>;
}

const STOP_GRACE_MS = 5_000;
const LOG_TAIL_LINES = 15;

/**
 * Starts a long-lived process of the lab; one that runs already with the same spec is kept, one with another spec is replaced.
 * It survives the end of the caller. There are no restarts: a part that ends stays ended until somebody starts it.
 *
 * @throws Error when it cannot be started.
 */
export async function startPart(lab: LabPlace, spec: PartSpec): Promise<void> {
  const same = isDeepStrictEqual(partSpec(lab, spec.name), spec);
  if (!same) await stopPart(lab, spec.name);
  else if ((partPid(lab, spec.name) ?? adoptOrphan(lab, spec)) !== undefined) return;

  mkdirSync(partsDir(lab), { recursive: true });
  const specFile = join(partsDir(lab), `${spec.name}.json`);
  writeFileSync(`${specFile}.new`, `${JSON.stringify(spec, null, 2)}\n`);
  renameSync(`${specFile}.new`, specFile);

  const nsenter = findProgram('nsenter') ?? '/usr/bin/nsenter';
  await startDaemon({
    file: spec.netnsPath === undefined ? spec.file : nsenter,
    args: spec.netnsPath === undefined ? spec.args : [...namespaces(spec), '--', spec.file, ...spec.args],
    env: { PATH: SEARCH_PATH, ...spec.env, [LAB_MARK]: lab.name, [PART_MARK]: spec.name },
    logFile: logFile(lab, spec.name),
    noteFile: noteFile(lab, spec.name),
  });
}

/** Options of nsenter(1), which opens the files before it enters any. */
const namespaces = (spec: PartSpec): string[] => [
  `--net=${spec.netnsPath ?? ''}`,
  ...(spec.mountNsPath === undefined ? [] : [`--mount=${spec.mountNsPath}`]),
];

/** Stops a part: signals its process group, waits until it is gone, kills it after 5 s. One that does not run is fine. */
export async function stopPart(lab: LabPlace, name: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  const spec = partSpec(lab, name);
  if (spec !== undefined && partPid(lab, name) === undefined) adoptOrphan(lab, spec);
  await stopDaemon(noteFile(lab, name), signal, STOP_GRACE_MS);
}

/** Pid of a part while it runs. */
export function partPid(lab: LabPlace, name: string): number | undefined {
  return daemonPid(noteFile(lab, name));
}

/** Stops a part and starts it again as it was. @throws Error when the lab knows no part of that name. */
export async function restartPart(lab: LabPlace, name: string): Promise<void> {
  const spec = partSpec(lab, name);
  if (spec === undefined)
    throw new Error(`lab '${lab.name}' has no part '${name}'; it has: ${partNames(lab).join(', ')}`);
  await stopPart(lab, name);
  await startPart(lab, spec);
}

/** Names of all recorded parts, running or not. */
export function partNames(lab: LabPlace): string[] {
  if (!existsSync(partsDir(lab))) return [];
  return readdirSync(partsDir(lab))
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

/** How a part was started; undefined when the lab knows none of that name. */
export function partSpec(lab: LabPlace, name: string): PartSpec | undefined {
  try {
    return JSON.parse(readFileSync(join(partsDir(lab), `${name}.json`), 'utf8')) as PartSpec;
  } catch {
    return undefined;
  }
}

/** Path of a part's log. */
export function logFile(lab: LabPlace, name: string): string {
  return join(lab.dir, 'logs', `${name}.log`);
}

/** Last lines of a part's log, each prefixed with its name. */
export function logTail(lab: LabPlace, name: string, lines = LOG_TAIL_LINES): string {
  const file = logFile(lab, name);
  if (!existsSync(file)) return `${name} | (no log)`;
  const text = readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines);
  return text.map((line) => `${name} | ${line}`).join('\n');
}

/**
 * Waits until a part is ready.
 *
 * @throws Error with the end of its log when it ends meanwhile or the limit passes.
 */
export async function waitForPart<T>(
  lab: LabPlace,
  name: string,
  look: () => Promise<T | undefined>,
  limitMs = 60_000,
): Promise<T> {
  try {
    return await waitFor(
      `${name} ready`,
      async () => {
        if (partPid(lab, name) === undefined) throw new PartEnded(name);
        return look();
      },
      { limitMs, everyMs: 100, giveUpOn: (error) => error instanceof PartEnded },
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${logTail(lab, name)}`, { cause: error });
  }
}

class PartEnded extends Error {
  constructor(name: string) {
    super(`${name} ended by itself`);
  }
}

/** A crash between start and note leaves a running part without note: found by its mark, its program and its own group. */
function adoptOrphan(lab: LabPlace, spec: PartSpec): number | undefined {
  const program = realpathSync(spec.file);
  const orphan = markedProcesses(lab.name).find(
    (seen) => seen.part === spec.name && seen.pid === seen.group && seen.exe === program,
  );
  if (orphan !== undefined) noteDaemon(noteFile(lab, spec.name), orphan.pid);
  return orphan?.pid;
}

function partsDir(lab: LabPlace): string {
  return join(lab.dir, 'parts');
}

function noteFile(lab: LabPlace, name: string): string {
  return join(partsDir(lab), `${name}.pid`);
}
