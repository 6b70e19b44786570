/** The kernel's links through iproute2, wherever that runs. */
import { alreadySo, commandFailure } from '../links/command-failures.ts';
import type { NetnsView } from '../../domain/vxlan/link-observation.ts';
import type { LinkCommand, NetnsKernel, OpenNetns } from '../../domain/ports/link-kernel.ts';
import { createSenderFilters } from '../nftables/senders.ts';
import type { RunResult } from '../process/child.ts';
import { createAnnouncing } from './announcing.ts';
import { failedLines, missingParent, unknownOutcome } from './batch-errors.ts';
import { createForwarding } from './bridge-fdb.ts';
import { createGatewayLook } from './gateways.ts';
import { ipLines } from './lines.ts';
import { createPrinter } from './printer.ts';
import { createDeafness } from './router-advertisements.ts';
import { parseNetns } from './views.ts';

/** Runs one program, of iproute2 for the most part, inside an open netns. Only this differs between the node's own kernel and a pod's agent container. */
export type RunInside = (netns: OpenNetns, call: InsideCall) => Promise<RunResult>;

export interface InsideCall {
  readonly program: 'ip' | 'bridge' | 'sysctl' | 'nft';
  readonly args: readonly string[];
  /** Lines of a batch, for a program that was called with `-batch -` or `-f -`. */
  readonly lines?: readonly string[];
  readonly timeoutMs: number;
}

/**
 * Runs one program with a batch each in several open namespaces. Exit code 0: all of them ended well; otherwise nobody knows
 * which did.
 */
export type RunInMany = (call: ManyCall) => Promise<RunResult>;

export interface ManyCall {
  readonly program: 'ip' | 'bridge' | 'nft';
  readonly batches: readonly { readonly netns: OpenNetns; readonly lines: readonly string[] }[];
  readonly timeoutMs: number;
}

/** A netns with thousands of links still answers in well under a second; a kernel that hangs must not hold the activity's slot. */
const IP_TIMEOUT_MS = 3_000;
const OBSERVE = ['address show', 'route show table all'];

/**
 * The kernel as seen through what runs iproute2.
 * @param many runs a batch in several namespaces by one call, where that is possible
 */
export function createNetnsKernel(inside: RunInside, many?: RunInMany): NetnsKernel {
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
      const written = rest.flatMap((command, index) => ipLines(command).map((line) => ({ line, command, index })));
      const result = await ipBatch(netns, [...written.map(({ line }) => line), ...(thenObserve ? OBSERVE : [])]);
      if (result.code === 0) return thenObserve ? parseNetns(result.stdout) : undefined;
      // ip stops at the first line that fails; what is already so is done, and the lines behind it go on.
      const failed = failedLines(result.stderr)[0];
      const at = failed === undefined ? undefined : written[failed.line - 1];
      if (failed === undefined || at === undefined)
        throw missingParent(rest, result) ?? unknownOutcome('ip -batch', result);
      if (!alreadySo(at.command, failed.message)) throw commandFailure(at.command, failed.message);
      rest = rest.slice(at.index + 1);
    }
    return thenObserve ? observe(netns) : undefined;
  }

  return {
    observe,
    execute: execute as NetnsKernel['execute'],
    ignoreRouterAdvertisements: createDeafness(inside),
    notOnLink: createGatewayLook(inside),
    announceItself: createAnnouncing(inside),
    ...createForwarding(inside, many),
    ...createSenderFilters(inside, many),
    print: createPrinter(inside),
  };
}
