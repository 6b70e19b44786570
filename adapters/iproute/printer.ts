/** What iproute2 prints about links: the very commands that kube-vxlan-controller ran, those of one kind in one process where that can be told apart. */
import { linkName } from '../links/link-values.ts';
import type { NetnsKernel, OpenNetns } from '../../domain/ports/link-kernel.ts';
import type { InspectQuestion } from '../../domain/ports/inspect-pod.ts';
import { ABSENT_LINK, unknownOutcome } from './batch-errors.ts';
import type { RunInside } from './kernel.ts';

const TIMEOUT_MS = 8_000;

export function createPrinter(inside: RunInside): NetnsKernel['print'] {
  return async (netns, questions) => {
    const named = questions.map(({ about, link }) => ({ about, link: linkName(link) }));
    const linksOf = (about: InspectQuestion['about']): string[] => [
      ...new Set(named.filter((question) => question.about === about).map(({ link }) => link)),
    ];
    const addresses = await addressBlocks(inside, netns, linksOf('addresses'), []);
    const details = await addressBlocks(inside, netns, linksOf('details'), ['-d']);
    const answers: (string | undefined)[] = [];
    for (const { about, link } of named) {
      if (about === 'addresses') answers.push(addresses.get(link));
      else if (about === 'details') answers.push(details.get(link));
      else if (about === 'fdb') answers.push(await single(inside, netns, 'bridge', ['fdb', 'show', 'dev', link]));
      else answers.push(await single(inside, netns, 'ip', ['route', 'show', 'dev', link]));
    }
    return answers;
  };
}

async function single(
  inside: RunInside,
  netns: OpenNetns,
  program: 'ip' | 'bridge',
  args: readonly string[],
): Promise<string | undefined> {
  const result = await inside(netns, { program, args, timeoutMs: TIMEOUT_MS });
  if (result.code === 0 && !result.truncated) return result.stdout;
  if (ABSENT_LINK.test(result.stderr)) return undefined;
  throw unknownOutcome(`${program} ${args.join(' ')}`, result);
}

/** `ip address show` of many links at once; each begins with `<index>: <name>`, or with `<name>@<parent>` in the name's place. */
async function addressBlocks(
  inside: RunInside,
  netns: OpenNetns,
  links: readonly string[],
  flags: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (links.length === 0) return new Map();
  const lines = links.map((link) => `address show dev ${link}`);
  const args = [...flags, '-force', '-batch', '-'];
  const result = await inside(netns, { program: 'ip', args, lines, timeoutMs: TIMEOUT_MS });
  const excused = result.code === 0 || ABSENT_LINK.test(result.stderr);
  if (!excused || result.truncated || result.timedOut || result.aborted) {
    throw unknownOutcome(`ip address show of ${links.join(', ')}`, result);
  }
  const blocks = result.stdout.split(/^(?=\d+: )/m).filter((block) => block !== '');
  return new Map(blocks.map((block) => [/^\d+: ([^@:]+)/.exec(block)?.[1] ?? '', block]));
}
