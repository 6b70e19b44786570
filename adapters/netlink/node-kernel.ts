/**
 * The node's own kernel, spoken to directly. A namespace is handed over as an open descriptor, never as a path; it stays open until the last
 * operation on it has been answered.
 */
import type {
  ForwardingOutcome,
  IdentifiedNetns,
  LinkChange,
  LinkCommand,
  LinkKernel,
  OpenNetns,
} from '../../domain/ports/link-kernel.ts';
import { acceptsAdvertisements, announcingSysctls } from '../iproute/announcing.ts';
import { openNetns } from '../netns/open-netns.ts';
import type { NetnsDescriptor } from './enter-netns.ts';
import type { NetlinkThread } from './thread.ts';
import type { OperationName, Operations } from './thread-messages.ts';

export interface NetlinkKernelOptions {
  /** Folders right below which netns files are accepted. */
  readonly netnsRoots: readonly string[];
  readonly thread: NetlinkThread;
  /** Path of the namespace that the plugins work in; that of this process when absent. */
  readonly hostNetns?: string;
  /** What is not spoken by netlink. */
  readonly rest: LinkKernel;
}

/** A namespace with thousands of links still answers in well under a second. */
const TIMEOUT_MS = 3_000;
/** 10,000 entries take 70 ms; others may come before. */
const FORWARDING_TIMEOUT_MS = 8_000;

interface Entered extends IdentifiedNetns {
  readonly descriptor: NetnsDescriptor;
  readonly signal: AbortSignal;
  readonly pid: number | undefined;
}

/** The adapter; the thread is started by its first use. */
export function createNetlinkKernel({ netnsRoots, thread, hostNetns, rest }: NetlinkKernelOptions): LinkKernel {
  const ask = <Name extends OperationName>(
    netns: OpenNetns,
    operation: Name,
    args: Parameters<Operations[Name]>,
    timeoutMs = TIMEOUT_MS,
  ): Promise<ReturnType<Operations[Name]>> => {
    const { descriptor, signal } = netns as Entered;
    return thread.call({ operation, args, netns: descriptor, signal, timeoutMs });
  };
  const each = <T>(
    changes: readonly LinkChange<T>[],
    one: (change: LinkChange<T>) => Promise<ForwardingOutcome>,
  ): Promise<PromiseSettledResult<ForwardingOutcome>[]> => Promise.allSettled(changes.map(one));

  const execute = ((netns: OpenNetns, commands: readonly LinkCommand[], thenObserve: boolean = false) =>
    ask(netns, 'execute', [commands, thenObserve])) as LinkKernel['execute'];

  return {
    ...rest,
    execute,
    observe: (netns) => ask(netns, 'observe', []),
    notOnLink: (netns, link, gateways) => ask(netns, 'notOnLink', [link, gateways]),
    readFdb: (netns, link) => ask(netns, 'readFdb', [link], FORWARDING_TIMEOUT_MS),
    changeFdbs: (changes) =>
      each(changes, ({ netns, link, change }) => ask(netns, 'changeFdb', [link, change], FORWARDING_TIMEOUT_MS)),
    readNeighbours: (netns, link) => ask(netns, 'readNeighbours', [link], FORWARDING_TIMEOUT_MS),
    changeNeighbours: (changes) =>
      each(changes, ({ netns, link, change }) => ask(netns, 'changeNeighbours', [link, change], FORWARDING_TIMEOUT_MS)),
    forgetNeighbours: (changes) =>
      each(changes, ({ netns, link, change }) => ask(netns, 'forgetNeighbours', [link, change], FORWARDING_TIMEOUT_MS)),
    announceItself: async (netns, link) => {
      await ask(netns, 'writeSysctls', [new Map(announcingSysctls(link))]);
    },
    ignoreRouterAdvertisements: async (netns, link) => {
      const values = new Map([[acceptsAdvertisements(link), '0'], ...announcingSysctls(link)]);
      const refused = await ask(netns, 'writeSysctls', [values]);
      return refused.length === 0 ? undefined : rest.ignoreRouterAdvertisements(netns, link);
    },
    readSysctls: (netns, paths) => ask(netns, 'readSysctls', [paths]),
    writeSysctls: async (netns, values) => {
      await ask(netns, 'writeSysctls', [values]);
    },
    print: (netns, questions) => ask(netns, 'print', [questions], FORWARDING_TIMEOUT_MS),
    hostEnds: async (signal) => {
      const file = hostNetns === undefined ? undefined : openNetns(hostNetns, netnsRoots);
      const where = file === undefined ? {} : { netns: { fd: file.fd, inode: file.identity.inode } };
      try {
        return await thread.call({ operation: 'hostEnds', args: [], signal, timeoutMs: TIMEOUT_MS, ...where });
      } finally {
        file?.close();
      }
    },
    // Async: a refusal is a rejection.
    async open(path, signal, pid): Promise<IdentifiedNetns> {
      const file = openNetns(path, netnsRoots);
      const { fd, identity } = file;
      const descriptor = { fd, inode: identity.inode };
      const entered = { identity, file, descriptor, signal, pid, close: async () => file.close() };
      return entered;
    },
  };
}
