/**
 * The kernel's links through iproute2 and nsenter. Each call is one process, about 4 ms; the namespace is handed over as an open
 * descriptor, never as a path.
 */
import type { NetnsView } from '../../domain/link-observation.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { FdbChange, FdbEntry } from '../../domain/fdb.ts';
import type { FdbOutcome, LinkCommand, LinkKernel, OpenNetns } from '../../domain/ports/link-kernel.ts';
import { openNetns, type NetnsFile } from '../netns/open-netns.ts';
import type { ProcessRegistry } from '../process/registry.ts';
import { run as runHere, type Run, type RunResult } from '../process/run.ts';
import { alreadySo, commandFailure, failedLines, unknownOutcome } from './batch-errors.ts';
import { fdbLine, ipLine, linkName, ROUTE_PROTOCOL } from './lines.ts';
import { parseFdb, parseNetns } from './views.ts';

export interface IprouteOptions {
  /** Folders right below which netns files are accepted. */
  readonly netnsRoots: readonly string[];
  readonly registry?: ProcessRegistry;
  /** What starts the children; `run` when absent. */
  readonly run?: Run;
}

const NSENTER = '/usr/bin/nsenter';
const IP = '/usr/sbin/ip';
const BRIDGE = '/usr/sbin/bridge';
const SYSCTL = '/usr/sbin/sysctl';

/** A netns with thousands of links still answers in well under a second; a kernel that hangs must not hold the activity's slot. */
const IP_TIMEOUT_MS = 3_000;
/** 10,000 flood entries take 0.33 s. */
const BRIDGE_TIMEOUT_MS = 8_000;
const MAX_OUTPUT = 16 * 1024 * 1024;

const OBSERVE = ['address show', `route show table all proto ${ROUTE_PROTOCOL}`];
const ABSENT_LINK = /Cannot find device/i;

interface Entered extends OpenNetns {
  readonly file: NetnsFile;
  readonly signal: AbortSignal;
}

/** Creates the adapter; nothing is run before its first use. */
export function createIprouteKernel(options: IprouteOptions): LinkKernel {
  const run = options.run ?? runHere;
  const enter = (netns: OpenNetns, argv: readonly string[], timeoutMs: number, input?: string): Promise<RunResult> => {
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

  async function observe(netns: OpenNetns): Promise<NetnsView> {
    const result = await enter(netns, [IP, '-d', '-j', '-batch', '-'], IP_TIMEOUT_MS, batch(OBSERVE));
    if (result.code !== 0 || result.truncated) throw unknownOutcome('ip address show', result);
    return parseNetns(result.stdout);
  }

  async function execute(
    netns: OpenNetns,
    commands: readonly LinkCommand[],
    thenObserve = false,
  ): Promise<NetnsView | undefined> {
    let rest = commands;
    while (rest.length > 0) {
      const lines = [...rest.map(ipLine), ...(thenObserve ? OBSERVE : [])];
      const result = await enter(netns, [IP, '-d', '-j', '-batch', '-'], IP_TIMEOUT_MS, batch(lines));
      if (result.code === 0) return thenObserve ? parseNetns(result.stdout) : undefined;
      // ip stops at the first line that fails; what is already so is done, and the lines behind it go on.
      const failed = failedLines(result.stderr)[0];
      const command = failed === undefined ? undefined : rest[failed.line - 1];
      if (failed === undefined || command === undefined) throw unknownOutcome('ip -batch', result);
      if (!alreadySo(command, failed.message)) throw commandFailure(command, failed.message);
      rest = rest.slice(failed.line);
    }
    return thenObserve ? observe(netns) : undefined;
  }

  return {
    async open(path, signal): Promise<OpenNetns> {
      const file = await openNetns(path, options.netnsRoots);
      const entered: Entered = { identity: file.identity, close: () => file.close(), file, signal };
      return entered;
    },
    observe,
    execute: execute as LinkKernel['execute'],
    async ignoreRouterAdvertisements(netns, link) {
      // sysctl(8): with slashes as separators a dot belongs to the name. -e: no such key when the netns has no IPv6.
      const key = `net/ipv6/conf/${linkName(link)}/accept_ra=0`;
      const result = await enter(netns, [SYSCTL, '-e', '-q', '-w', key], IP_TIMEOUT_MS);
      if (result.code !== 0) throw unknownOutcome(`sysctl ${key}`, result);
    },
    async readFdb(netns, link): Promise<FdbEntry[] | undefined> {
      const result = await enter(netns, [BRIDGE, '-j', 'fdb', 'show', 'dev', linkName(link)], BRIDGE_TIMEOUT_MS);
      if (result.code === 0 && !result.truncated) return parseFdb(result.stdout);
      if (ABSENT_LINK.test(result.stderr)) return undefined;
      throw unknownOutcome(`bridge fdb show dev ${link}`, result);
    },
    async changeFdb(netns, link, change): Promise<FdbOutcome> {
      const lines = fdbLines(link, change);
      if (lines.length === 0) return 'applied';
      const result = await enter(netns, [BRIDGE, '-force', '-batch', '-'], BRIDGE_TIMEOUT_MS, batch(lines));
      return fdbOutcome(link, lines, result);
    },
  };
}

const batch = (lines: readonly string[]): string => `${lines.join('\n')}\n`;

/** Additions first: a destination that is replaced is never missing. */
function fdbLines(link: string, change: FdbChange): string[] {
  return [
    ...change.add.map((entry) => fdbLine('append', link, entry)),
    ...change.remove.map((entry) => fdbLine('delete', link, entry)),
  ];
}

function fdbOutcome(link: string, lines: readonly string[], result: RunResult): FdbOutcome {
  if (result.code === 0) return 'applied';
  const failed = failedLines(result.stderr);
  if (result.timedOut || result.aborted || failed.length === 0)
    throw unknownOutcome(`bridge -batch on ${link}`, result);
  for (const { line, message } of failed) {
    if (ABSENT_LINK.test(message)) return 'link-absent';
    const verb = lines[line - 1]?.split(' ')[1];
    const done = verb === 'append' ? /File exists/i.test(message) : /No such (file|process)/i.test(message);
    if (!done) throw new PodwireError('CommandFailed', `bridge fdb ${verb ?? ''} on ${link}, line ${line}: ${message}`);
  }
  return 'applied';
}
