/** The kernel's links through iproute2, wherever that runs. */
import type { NetnsView } from '../../domain/link-observation.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { FdbChange, FdbEntry } from '../../domain/fdb.ts';
import type { FdbOutcome, LinkCommand, NetnsKernel, OpenNetns } from '../../domain/ports/link-kernel.ts';
import type { LookQuestion } from '../../domain/ports/pod-look.ts';
import type { RunResult } from '../process/run.ts';
import { alreadySo, commandFailure, failedLines, unknownOutcome } from './batch-errors.ts';
import { fdbLine, ipLine, linkName, ROUTE_PROTOCOL } from './lines.ts';
import { parseFdb, parseNetns } from './views.ts';

/** Runs one program of iproute2 inside an open netns. Only this differs between the node's own kernel and a pod's agent container. */
export type RunInside = (netns: OpenNetns, call: InsideCall) => Promise<RunResult>;

export interface InsideCall {
  readonly program: 'ip' | 'bridge' | 'sysctl';
  readonly args: readonly string[];
  /** Lines of a batch, for a program that was called with `-batch -`. */
  readonly lines?: readonly string[];
  readonly timeoutMs: number;
}

/** A netns with thousands of links still answers in well under a second; a kernel that hangs must not hold the activity's slot. */
const IP_TIMEOUT_MS = 3_000;
/** 10,000 flood entries take 0.33 s. */
const BRIDGE_TIMEOUT_MS = 8_000;
const OBSERVE = ['address show', `route show table all proto ${ROUTE_PROTOCOL}`];
const ABSENT_LINK = /Cannot find device|Device "[^"]*" does not exist/i;

/** The kernel as seen through what runs iproute2. */
export function createNetnsKernel(inside: RunInside): NetnsKernel {
  const ipBatch = (netns: OpenNetns, lines: readonly string[]): Promise<RunResult> =>
    inside(netns, { program: 'ip', args: ['-d', '-j', '-batch', '-'], lines, timeoutMs: IP_TIMEOUT_MS });

  async function observe(netns: OpenNetns): Promise<NetnsView> {
    const result = await ipBatch(netns, OBSERVE);
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
      const result = await ipBatch(netns, lines);
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
    observe,
    execute: execute as NetnsKernel['execute'],
    async ignoreRouterAdvertisements(netns, link) {
      // sysctl(8): with slashes as separators a dot belongs to the name. -e: no such key when the netns has no IPv6.
      const key = `net/ipv6/conf/${linkName(link)}/accept_ra=0`;
      const args = ['-e', '-q', '-w', key];
      const result = await inside(netns, { program: 'sysctl', args, timeoutMs: IP_TIMEOUT_MS });
      if (result.code !== 0) throw unknownOutcome(`sysctl ${key}`, result);
    },
    async readFdb(netns, link): Promise<FdbEntry[] | undefined> {
      const args = ['-j', 'fdb', 'show', 'dev', linkName(link)];
      const result = await inside(netns, { program: 'bridge', args, timeoutMs: BRIDGE_TIMEOUT_MS });
      if (result.code === 0 && !result.truncated) return parseFdb(result.stdout);
      if (ABSENT_LINK.test(result.stderr)) return undefined;
      throw unknownOutcome(`bridge fdb show dev ${link}`, result);
    },
    async changeFdb(netns, link, change): Promise<FdbOutcome> {
      const lines = fdbLines(link, change);
      if (lines.length === 0) return 'applied';
      const args = ['-force', '-batch', '-'];
      const result = await inside(netns, { program: 'bridge', args, lines, timeoutMs: BRIDGE_TIMEOUT_MS });
      return fdbOutcome(link, lines, result);
    },
    async look(netns, { about, link }) {
      const [program, ...args] = lookWords(about, linkName(link));
      const result = await inside(netns, { program, args, timeoutMs: BRIDGE_TIMEOUT_MS });
      if (result.code === 0 && !result.truncated) return result.stdout;
      if (ABSENT_LINK.test(result.stderr)) return undefined;
      throw unknownOutcome(`${program} ${args.join(' ')}`, result);
    },
  };
}

/** A link that is not there: `Cannot find device` (bridge, ip route), `Device "x" does not exist.` (ip address). */
function lookWords(about: LookQuestion['about'], link: string): [program: 'ip' | 'bridge', ...args: string[]] {
  switch (about) {
    case 'fdb':
      return ['bridge', 'fdb', 'show', 'dev', link];
    case 'addresses':
      return ['ip', 'addr', 'show', 'dev', link];
    case 'details':
      return ['ip', '-d', 'addr', 'show', 'dev', link];
    case 'routes':
      return ['ip', 'route', 'show', 'dev', link];
  }
}

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
