/**
 * The node's own kernel: nsenter and iproute2 of the host. Each call is one process, about 4 ms; the namespace is handed over as an open
 * descriptor, never as a path.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IdentifiedNetns, LinkKernel } from '../../domain/ports/link-kernel.ts';
import { linkNamesOf } from '../netns/link-names.ts';
import { openNetns, type NetnsFile } from '../netns/open-netns.ts';
import type { ProcessRegistry } from '../process/registry.ts';
import type { Run } from '../process/child.ts';
import { run as runHere } from '../process/run.ts';
import { unknownOutcome } from './batch-errors.ts';
import { createNetnsKernel, type RunInMany, type RunInside } from './kernel.ts';
import { createManyNetns } from './many-netns.ts';
import { createSysctls } from './sysctls.ts';
import { parseHostEnds } from './views.ts';

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
const HOST_TIMEOUT_MS = 3_000;
const MAX_OUTPUT = 16 * 1024 * 1024;

interface Entered extends IdentifiedNetns {
  readonly file: NetnsFile;
  readonly signal: AbortSignal;
  readonly pid: number | undefined;
}

/** Creates the adapter; nothing is run before its first use. */
export function createIprouteKernel(options: IprouteOptions): LinkKernel {
  const run = options.run ?? runHere;
  const registry = options.registry === undefined ? {} : { registry: options.registry };
  const many = createManyNetns(
    (given) => run({ ...given, ...registry }),
    options.scratchDir ?? join(tmpdir(), `podwire-batches-${process.pid}`),
  );
  const inside: RunInside = (netns, { program, args, lines, timeoutMs }) => {
    const { file, signal } = netns as Entered;
    return run({
      file: NSENTER,
      args: ['--net=/proc/self/fd/3', '--', `/usr/sbin/${program}`, ...args],
      env: { LC_ALL: 'C' },
      timeoutMs,
      maxOutputBytes: MAX_OUTPUT,
      fds: [file.fd],
      signal,
      brief: true,
      ...(lines === undefined ? {} : { input: `${lines.join('\n')}\n` }),
      ...registry,
    });
  };
  const inMany: RunInMany = ({ program, batches, timeoutMs }) => {
    const opened = batches.map(({ netns, lines }) => ({ fd: (netns as Entered).file.fd, lines }));
    const { signal } = batches[0]?.netns as Entered;
    const options = program === 'nft' ? ['-f'] : ['-force', '-batch'];
    return many.run([`/usr/sbin/${program}`, ...options], opened, { timeoutMs, signal });
  };
  return {
    ...createNetnsKernel(inside, inMany),
    ...createSysctls(inside),
    // Async: a refusal is a rejection.
    async open(path, signal, pid): Promise<IdentifiedNetns> {
      const file = openNetns(path, options.netnsRoots);
      const entered: Entered = { identity: file.identity, close: async () => file.close(), file, signal, pid };
      return entered;
    },
    async hostEnds(signal) {
      const args = ['-j', 'link', 'show', 'type', 'veth'];
      const options = { env: { LC_ALL: 'C' }, timeoutMs: HOST_TIMEOUT_MS, maxOutputBytes: MAX_OUTPUT, signal };
      const result = await run({ file: IP, args, ...options, brief: true, ...registry });
      if (result.code !== 0 || result.truncated) throw unknownOutcome('ip link show', result);
      return parseHostEnds(result.stdout);
    },
    surelyLacks(netns, link) {
      const { pid, identity } = netns as Entered;
      return pid !== undefined && linkNamesOf(pid, identity)?.has(link) === false;
    },
  };
}
