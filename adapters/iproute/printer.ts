/** `LinkPrinter` through iproute2: the very commands that kube-vxlan-controller ran, those of one kind in one process where that can be told apart. */
import type { LinkPrinter } from '../../domain/ports/link-printer.ts';
import type { LookQuestion } from '../../domain/ports/pod-look.ts';
import { unknownOutcome } from './batch-errors.ts';
import {
  ABSENT_LINK,
  BRIDGE,
  BRIDGE_TIMEOUT_MS,
  createEnter,
  IP,
  IP_TIMEOUT_MS,
  type Enter,
  type IprouteOptions,
} from './enter.ts';
import { linkName } from './lines.ts';

type Netns = Parameters<Enter>[0];

/** Creates the adapter; nothing is run before its first use. */
export function createIproutePrinter(options: IprouteOptions): LinkPrinter {
  const enter = createEnter(options);
  return {
    async print(netns, questions) {
      const named = questions.map(({ about, link }) => ({ about, link: linkName(link) }));
      const linksOf = (about: LookQuestion['about']): string[] => [
        ...new Set(named.filter((question) => question.about === about).map(({ link }) => link)),
      ];
      const addresses = await addressBlocks(enter, netns, linksOf('addresses'), []);
      const details = await addressBlocks(enter, netns, linksOf('details'), ['-d']);
      const answers: (string | undefined)[] = [];
      for (const { about, link } of named) {
        if (about === 'addresses') answers.push(addresses.get(link));
        else if (about === 'details') answers.push(details.get(link));
        else if (about === 'fdb') answers.push(await single(enter, netns, [BRIDGE, 'fdb', 'show', 'dev', link]));
        else answers.push(await single(enter, netns, [IP, 'route', 'show', 'dev', link]));
      }
      return answers;
    },
  };
}

async function single(enter: Enter, netns: Netns, argv: readonly string[]): Promise<string | undefined> {
  const result = await enter(netns, argv, BRIDGE_TIMEOUT_MS);
  if (result.code === 0 && !result.truncated) return result.stdout;
  if (ABSENT_LINK.test(result.stderr)) return undefined;
  throw unknownOutcome(argv.slice(1).join(' '), result);
}

/** `ip address show` of many links at once; each begins with `<index>: <name>`, or with `<name>@<parent>` in the name's place. */
async function addressBlocks(
  enter: Enter,
  netns: Netns,
  links: readonly string[],
  flags: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (links.length === 0) return new Map();
  const input = links.map((link) => `address show dev ${link}\n`).join('');
  const result = await enter(netns, [IP, ...flags, '-force', '-batch', '-'], IP_TIMEOUT_MS, input);
  const excused = result.code === 0 || ABSENT_LINK.test(result.stderr);
  if (!excused || result.truncated || result.timedOut || result.aborted) {
    throw unknownOutcome(`ip address show of ${links.join(', ')}`, result);
  }
  const blocks = result.stdout.split(/^(?=\d+: )/m).filter((block) => block !== '');
  return new Map(blocks.map((block) => [/^\d+: ([^@:]+)/.exec(block)?.[1] ?? '', block]));
}
