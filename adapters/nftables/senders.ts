/** Who may send to a VXLAN link, kept by nftables in the link's network namespace. */
import type { ForwardingOutcome, LinkChange, NetnsKernel, OpenNetns } from '../../domain/ports/link-kernel.ts';
import type { SendersChange } from '../../domain/forwarding/senders.ts';
import { unknownOutcome } from '../iproute/batch-errors.ts';
import type { RunInMany, RunInside } from '../iproute/kernel.ts';
import { inAll } from '../iproute/many-changes.ts';
import { parseSenders } from './listed-senders.ts';
import { senderLines, sendersTable } from './sender-rules.ts';

/** A thousand members take 20 ms. */
const TIMEOUT_MS = 8_000;
/** nft's own exit code for what the kernel refused; others are those of whatever started it. */
const REFUSED = 1;
/** The table or the element is not there, or is there already: somebody else was at it. */
const OTHERWISE = /No such file or directory|File exists/;

type SenderFilters = Pick<NetnsKernel, 'readSenders' | 'changeSenders'>;

/** @param many absent: each namespace has a call of its own */
export function createSenderFilters(inside: RunInside, many?: RunInMany): SenderFilters {
  /** Where what was taken for granted is not so, all of it is written. */
  async function alone({ netns, link, change }: LinkChange<SendersChange>): Promise<ForwardingOutcome> {
    const write = (lines: readonly string[]) =>
      inside(netns, { program: 'nft', args: ['-f', '-'], lines, timeoutMs: TIMEOUT_MS });
    const result = await write(senderLines(link, change));
    if (result.code === 0) return 'applied';
    const senders = wholeOf(change);
    const again = result.code === REFUSED && OTHERWISE.test(result.stderr) && senders !== undefined;
    if (!again) throw unknownOutcome(`nft -f on ${link}`, result);
    const second = await write(senderLines(link, { kind: 'replace', senders }));
    if (second.code === 0) return 'applied';
    throw unknownOutcome(`nft -f on ${link}`, second);
  }

  return {
    async readSenders(netns: OpenNetns, interfaceName: string) {
      const args = ['-j', 'list', 'table', ...sendersTable(interfaceName).split(' ')];
      const result = await inside(netns, { program: 'nft', args, timeoutMs: TIMEOUT_MS });
      if (result.code === 0 && !result.truncated) return parseSenders(result.stdout);
      if (result.code === REFUSED && OTHERWISE.test(result.stderr)) return undefined;
      throw unknownOutcome(`nft list table of ${interfaceName}`, result);
    },
    changeSenders: (changes) => inAll(many, 'nft', changes, senderLines, (change) => alone(change)),
  };
}

function wholeOf(change: SendersChange) {
  if (change.kind === 'change') return change.whole?.();
  return change.kind === 'remove' ? undefined : change.senders;
}
