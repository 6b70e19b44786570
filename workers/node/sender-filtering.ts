/** Whether this node's VXLAN links take packets from members only: as it is set, where the kernel and its tools can do it. */
import type { SenderFiltering } from '../../activities/network/forwarding/desired-forwarding.ts';
import type { Logger } from '../../adapters/log/logger.ts';

/** Warns once where it is set and cannot be done. */
export async function senderFiltering(
  membersOnly: boolean,
  whyNot: () => Promise<string | undefined>,
  log: Pick<Logger, 'warn'>,
): Promise<SenderFiltering> {
  const why = await whyNot();
  if (why === undefined) return membersOnly ? 'on' : 'off';
  if (membersOnly)
    log.warn(
      { why },
      'VXLAN links take packets from everybody who reaches them, not from members of their networks only: nftables does not work here; have the kernel module nf_tables and the package nftables on the node, or set PODWIRE_MEMBERS_ONLY=false',
    );
  return 'unavailable';
}
