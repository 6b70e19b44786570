/**
 * The node's own kernel, spoken to directly. A namespace is handed over as an open descriptor, never as a path; the thread looks from inside
 * whether it is the one that is meant.
 */
import { acceptsAdvertisements, announcingSysctls } from '../links/link-sysctls.ts';
import type {
  ForwardingKernel,
  ForwardingOutcome,
  IdentifiedNetns,
  LinkChange,
  LinkCommand,
  LinkKernel,
  OpenNetns,
} from '../../domain/ports/link-kernel.ts';
import { linkNamesOf } from '../netns/link-names.ts';
import { openNetns } from '../netns/open-netns.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { SendersChange } from '../../domain/forwarding/senders.ts';
import { fdbBatch, neighbourBatch } from './forwarding-batch.ts';
import type { NetnsDescriptor } from './enter-netns.ts';
import type { NetlinkThread } from './thread.ts';
import type { OperationName, Operations, PlainSendersChange } from './thread-messages.ts';

export interface NetlinkKernelOptions {
  /** Folders right below which netns files are accepted. */
  readonly netnsRoots: readonly string[];
  readonly thread: NetlinkThread;
  /** Path of the namespace that the plugins work in; that of this process when absent. */
  readonly hostNetns?: string;
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

/** Of a namespace that a kernel of this kind opened. */
export const enteredBy = (netns: OpenNetns): Pick<Entered, 'descriptor' | 'signal'> => netns as Entered;

/** What can be copied to the thread. */
function plain(change: SendersChange): PlainSendersChange {
  if (change.kind !== 'change') return change;
  const { kind, family, admit, refuse } = change;
  return { kind, family, admit, refuse };
}

type Ask = <Name extends OperationName>(
  netns: OpenNetns,
  operation: Name,
  args: Parameters<Operations[Name]>,
  timeoutMs?: number,
) => Promise<ReturnType<Operations[Name]>>;

/** The adapter; the thread is started by its first use. */
export function createNetlinkKernel({ netnsRoots, thread, hostNetns }: NetlinkKernelOptions): LinkKernel {
  const ask: Ask = (netns, operation, args, timeoutMs = TIMEOUT_MS) => {
    const { descriptor, signal } = netns as Entered;
    return thread.call({ operation, args, netns: descriptor, signal, timeoutMs });
  };
  const execute = ((netns: OpenNetns, commands: readonly LinkCommand[], thenObserve: boolean = false) =>
    ask(netns, 'execute', [commands, thenObserve])) as LinkKernel['execute'];

  return {
    ...forwardingOver((netns, operation, args) => ask(netns, operation, args, FORWARDING_TIMEOUT_MS)),
    ...settingsOver(ask),
    execute,
    observe: (netns) => ask(netns, 'observe', []),
    notOnLink: (netns, link, gateways) => ask(netns, 'notOnLink', [link, gateways]),
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
    surelyLacks: (netns, link) => {
      const { pid, identity } = netns as Entered;
      return pid !== undefined && linkNamesOf(pid, identity)?.has(link) === false;
    },
    // Async: a refusal is a rejection.
    async open(path, signal, pid): Promise<IdentifiedNetns> {
      const file = openNetns(path, netnsRoots);
      const { fd, identity } = file;
      const descriptor = { fd, inode: identity.inode };
      const entered = { identity, descriptor, signal, pid, close: async () => file.close() };
      return entered;
    },
  };
}

function forwardingOver(ask: Ask): ForwardingKernel {
  return {
    readFdb: (netns, link) => ask(netns, 'readFdb', [link]),
    changeFdbs: (changes) =>
      each(changes, ({ netns, link, change }) => ask(netns, 'changeEntries', [link, fdbBatch(change)])),
    readNeighbours: (netns, link) => ask(netns, 'readNeighbours', [link]),
    changeNeighbours: (changes) =>
      each(changes, ({ netns, link, change }) => ask(netns, 'changeEntries', [link, neighbourBatch(change)])),
    forgetNeighbours: (changes) =>
      each(changes, ({ netns, link, change }) => ask(netns, 'forgetNeighbours', [link, change])),
    readSenders: (netns, interfaceName) => ask(netns, 'readSenders', [interfaceName]),
    changeSenders: (changes) =>
      each(changes, async ({ netns, link, change }) => {
        const outcome = await ask(netns, 'changeSenders', [link, plain(change)]);
        if (outcome === 'applied') return outcome;
        const senders = change.kind === 'change' ? change.whole?.() : undefined;
        if (senders === undefined)
          throw new PodwireError('CommandFailed', `rules for senders of ${link} are not as they were left`);
        await ask(netns, 'changeSenders', [link, { kind: 'replace', senders }]);
        return 'applied';
      }),
  };
}

const each = <T>(
  changes: readonly LinkChange<T>[],
  one: (change: LinkChange<T>) => Promise<ForwardingOutcome>,
): Promise<PromiseSettledResult<ForwardingOutcome>[]> => Promise.allSettled(changes.map(async (change) => one(change)));

type Settings = Pick<LinkKernel, 'announceItself' | 'ignoreRouterAdvertisements' | 'readSysctls' | 'writeSysctls'>;

function settingsOver(ask: Ask): Settings {
  return {
    announceItself: async (netns, link) => {
      await ask(netns, 'writeSysctls', [new Map(announcingSysctls(link))]);
    },
    ignoreRouterAdvertisements: async (netns, link) => {
      const values = new Map([[acceptsAdvertisements(link), '0'], ...announcingSysctls(link)]);
      const [refused] = await ask(netns, 'writeSysctls', [values]);
      if (refused === undefined) return undefined;
      const noRule = await ask(netns, 'dropAdvertisements', [link]);
      return noRule === undefined ? undefined : `${refused.path}: ${refused.code}; ${noRule}`;
    },
    readSysctls: (netns, paths) => ask(netns, 'readSysctls', [paths]),
    writeSysctls: async (netns, values) => {
      await ask(netns, 'writeSysctls', [values]);
    },
  };
}
