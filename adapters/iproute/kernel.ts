/**
 * The kernel's links through iproute2 and nsenter. Each call is one process, about 4 ms; namespaces are handed over as open
 * descriptors, never as paths.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NetnsView } from '../../domain/link-observation.ts';
import type { LinkCommand, LinkKernel, OpenNetns } from '../../domain/ports/link-kernel.ts';
import { openNetns, type NetnsFile } from '../netns/open-netns.ts';
import type { ProcessRegistry } from '../process/registry.ts';
import { run as runHere, type Run } from '../process/run.ts';
import { alreadySo, commandFailure, failedLines, unknownOutcome } from './batch-errors.ts';
import { createForwarding, type Enter } from './forwarding.ts';
import { ipLine, linkName, ROUTE_PROTOCOL } from './lines.ts';
import { createManyNetns } from './many-netns.ts';
import { parseNetns } from './views.ts';

export interface IprouteOptions {
  /** Folders right below which netns files are accepted. */
  readonly netnsRoots: readonly string[];
  readonly registry?: ProcessRegistry;
  /** What starts the children; `run` when absent. */
  readonly run?: Run;
  /** Folder for the batches of many namespaces, of this process alone; emptied at the first use. */
  readonly scratchDir?: string;
}

const NSENTER = '/usr/bin/nsenter';
const IP = '/usr/sbin/ip';
const SYSCTL = '/usr/sbin/sysctl';

/** A netns with thousands of links still answers in well under a second; a kernel that hangs must not hold the activity's slot. */
const IP_TIMEOUT_MS = 3_000;
const MAX_OUTPUT = 16 * 1024 * 1024;

const OBSERVE = ['address show', `route show table all proto ${ROUTE_PROTOCOL}`];

interface Entered extends OpenNetns {
  readonly file: NetnsFile;
  readonly signal: AbortSignal;
}

/** Creates the adapter; nothing is run before its first use. */
export function createIprouteKernel(options: IprouteOptions): LinkKernel {
  const run = options.run ?? runHere;
  const enter: Enter = (netns, argv, timeoutMs, input) => {
    const { file, signal } = netns as Entered;
    return run({
      file: NSENTER,
      args: ['--net=/proc/self/fd/3', '--', ...argv],
      env: { LC_ALL: 'C' },
      timeoutMs,
      maxOutputBytes: MAX_OUTPUT,
      fds: [file.fd],
      signal,
      ...(input === undefined ? {} : { input }),
      ...(options.registry === undefined ? {} : { registry: options.registry }),
    });
  };

  const scratchDir = options.scratchDir ?? join(tmpdir(), `podwire-batches-${process.pid}`);
  const many = createManyNetns(
    (given) => run({ ...given, ...(options.registry === undefined ? {} : { registry: options.registry }) }),
    scratchDir,
  );
  const opened = (netns: OpenNetns): { fd: number; signal: AbortSignal } => {
    const { file, signal } = netns as Entered;
    return { fd: file.fd, signal };
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
    // Async: a refusal is a rejection.
     
    async open(path, signal): Promise<OpenNetns> {
      const file = openNetns(path, options.netnsRoots);
      const entered: Entered = { identity: file.identity, close: async () => file.close(), file, signal };
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
    ...createForwarding({ enter, many, opened }),
  };
}

const batch = (lines: readonly string[]): string => `${lines.join('\n')}\n`;
