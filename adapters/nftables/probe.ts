/** Whether nftables can do here what `senders.ts` asks of it: tried once, in a network namespace that ends with the try. */
import type { Run } from '../process/child.ts';
import { senderLines } from './sender-rules.ts';

const UNSHARE = '/usr/bin/unshare';
const NFT = '/usr/sbin/nft';
/** Kernel modules may have to be loaded. */
const TIMEOUT_MS = 10_000;

/** @returns why it cannot; undefined: it can, or did not say in time that it cannot */
export async function whyNoSenderRules(run: Run): Promise<string | undefined> {
  const probes = [
    { family: 4 as const, from: ['192.0.2.1'] },
    { family: 6 as const, from: ['2001:db8::1'] },
  ];
  const lines = probes.flatMap((probe) =>
    senderLines(`probe${probe.family}`, { kind: 'make', senders: { vni: 1, dstPort: 4789, ...probe } }),
  );
  const { code, stderr, timedOut } = await run({
    file: UNSHARE,
    args: ['--net', '--', NFT, '-f', '-'],
    env: { LC_ALL: 'C' },
    input: `${lines.join('\n')}\n`,
    timeoutMs: TIMEOUT_MS,
  });
  if (code === 0 || timedOut) return undefined;
  return stderr.trim().split('\n', 1)[0]?.slice(0, 200) || `nft ended with ${code ?? 'no code'}`;
}
