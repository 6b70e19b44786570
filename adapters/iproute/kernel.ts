/** The kernel's links through iproute2 and nsenter. Each call is one process, about 4 ms. */
import type { NetnsView } from '../../domain/link-observation.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { FdbChange, FdbEntry } from '../../domain/fdb.ts';
import type { FdbOutcome, LinkCommand, LinkKernel, OpenNetns } from '../../domain/ports/link-kernel.ts';
import type { RunResult } from '../process/run.ts';
import { alreadySo, commandFailure, failedLines, unknownOutcome } from './batch-errors.ts';
import {
  ABSENT_LINK,
  BRIDGE,
  BRIDGE_TIMEOUT_MS,
  createEnter,
  IP,
  IP_TIMEOUT_MS,
  openForEntering,
  type IprouteOptions,
} from './enter.ts';
import { fdbLine, ipLine, linkName } from './lines.ts';
import { parseFdb, parseNetns } from './views.ts';

const SYSCTL = '/usr/sbin/sysctl';

const OBSERVE = ['address show', 'route show table all'];

/** Creates the adapter; nothing is run before its first use. */
export function createIprouteKernel(options: IprouteOptions): LinkKernel {
  const enter = createEnter(options);

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
    open: (path, signal) => openForEntering(path, options.netnsRoots, signal),
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
