/** Runs a program inside an open network namespace: the namespace is handed over as a descriptor, never as a path. */
import type { OpenNetns } from '../../domain/ports/link-kernel.ts';
import { openNetns, type NetnsFile } from '../netns/open-netns.ts';
import type { ProcessRegistry } from '../process/registry.ts';
import { run as runHere, type Run, type RunResult } from '../process/run.ts';

export interface IprouteOptions {
  /** Folders right below which netns files are accepted. */
  readonly netnsRoots: readonly string[];
  readonly registry?: ProcessRegistry;
  /** What starts the children; `run` when absent. */
  readonly run?: Run;
}

const NSENTER = '/usr/bin/nsenter';
export const IP = '/usr/sbin/ip';
export const BRIDGE = '/usr/sbin/bridge';

/** A netns with thousands of links still answers in well under a second; a kernel that hangs must not hold the activity's slot. */
export const IP_TIMEOUT_MS = 3_000;
/** 10,000 flood entries take 0.33 s. */
export const BRIDGE_TIMEOUT_MS = 8_000;
const MAX_OUTPUT = 16 * 1024 * 1024;

export const ABSENT_LINK = /Cannot find device|does not exist/i;

interface Entered extends OpenNetns {
  readonly file: NetnsFile;
  readonly signal: AbortSignal;
}

export type Enter = (
  netns: OpenNetns,
  argv: readonly string[],
  timeoutMs: number,
  input?: string,
) => Promise<RunResult>;

/** Opens a namespace for `createEnter`. @throws PodwireError NetnsRefused, SandboxGone */
export async function openForEntering(
  path: string,
  netnsRoots: readonly string[],
  signal: AbortSignal,
): Promise<OpenNetns> {
  const file = await openNetns(path, netnsRoots);
  const entered: Entered = { identity: file.identity, close: () => file.close(), file, signal };
  return entered;
}

export function createEnter(options: IprouteOptions): Enter {
  const run = options.run ?? runHere;
  return (netns, argv, timeoutMs, input) => {
    const { file, signal } = netns as Entered;
    return run({
      file: NSENTER,
      args: ['--net=/proc/self/fd/3', '--', ...argv],
      env: { LC_ALL: 'C' },
      timeoutMs,
      maxOutputBytes: MAX_OUTPUT,
      fd3: file.fd,
      signal,
      ...(input === undefined ? {} : { input }),
      ...(options.registry === undefined ? {} : { registry: options.registry }),
    });
  };
}
