/** The line of a forwarding entry, as `bridge fdb show dev LINK` of iproute2 6.1 writes it: without the link's name. */
import * as neighbour from '../codec/neighbour.ts';
import type { NeighbourMessage } from '../codec/neighbour.ts';
import { joined, pair, prefixedHex, type KnownLinks } from './words.ts';

/** In iproute2's order. */
const FLAGS: readonly (readonly [bit: number, word: string])[] = [
  [neighbour.NTF_SELF, 'self'],
  [neighbour.NTF_ROUTER, 'router'],
  [neighbour.NTF_EXT_LEARNED, 'extern_learn'],
  [neighbour.NTF_OFFLOADED, 'offload'],
];

export function forwardingText(entry: NeighbourMessage, links: KnownLinks): string {
  const { mac, destination, vlan, port, vni, sourceVni, nexthopId, linkNetnsid, flags, masterIndex } = entry;
  const words = joined([
    mac,
    pair('dst', destination),
    vlan !== 0 && pair('vlan', vlan),
    pair('port', port),
    pair('vni', vni),
    pair('src_vni', sourceVni),
    via(entry, links),
    pair('nhid', nexthopId),
    pair('link-netnsid', linkNetnsid),
    ...FLAGS.filter(([bit]) => (flags & bit) !== 0).map(([, word]) => word),
    masterIndex === undefined && (flags & neighbour.NTF_MASTER) !== 0 && 'master',
    (flags & neighbour.NTF_STICKY) !== 0 && 'sticky',
    masterIndex !== undefined && `master ${links.nameOf(masterIndex)}`,
  ]);
  return `${words}${stateWord(entry.state)}\n`;
}

function via({ viaIndex, linkNetnsid }: NeighbourMessage, links: KnownLinks): string | undefined {
  if (viaIndex === undefined || viaIndex === 0) return undefined;
  return linkNetnsid === undefined ? `via ${links.nameOf(viaIndex)}` : `via ifindex ${viaIndex}`;
}

/** '' for one that was heard of lately. */
function stateWord(state: number): string {
  if ((state & neighbour.NUD_PERMANENT) !== 0) return 'permanent';
  if ((state & neighbour.NUD_NOARP) !== 0) return 'static';
  if ((state & neighbour.NUD_STALE) !== 0) return 'stale';
  return (state & neighbour.NUD_REACHABLE) !== 0 ? '' : `state=${prefixedHex(state)}`;
}
