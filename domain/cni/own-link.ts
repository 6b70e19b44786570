/**
 * Which link of a pod a CNI attachment's is. A program in the pod may give it another name and another MAC, and put a link of its own under
 * its name; its index it keeps (ADR 36). Pure.
 */
import { ownerOf } from '../vxlan/link-alias.ts';
import type { LinkView } from '../vxlan/link-observation.ts';
import type { LinkResult } from '../records.ts';

export type MadeLink = Pick<LinkResult, 'ifindex' | 'hostIfindex'>;

export interface FoundLink {
  /** The attachment's link, under whatever name. */
  readonly own: LinkView | undefined;
  /** Another link that has the attachment's name. */
  readonly other: LinkView | undefined;
}

/** @param made undefined: nobody knows the index, so that the link of that name is taken for it unless it is one of podwire's VXLAN links */
export function findOwnLink(links: readonly LinkView[], interfaceName: string, made: MadeLink | undefined): FoundLink {
  const named = links.find(({ name }) => name === interfaceName);
  const own = made === undefined ? unlessVxlan(named) : ownOf(links, made);
  return { own, other: named === own ? undefined : named };
}

/** A link that goes to another namespace and comes back may have got another index; the other end of a veth keeps its own. */
function ownOf(links: readonly LinkView[], { ifindex, hostIfindex }: MadeLink): LinkView | undefined {
  const byIndex = (link: LinkView): boolean => link.ifindex === ifindex;
  if (hostIfindex === undefined) return links.find(byIndex);
  const peers = links.filter(({ peerIfindex }) => peerIfindex === hostIfindex);
  return peers.find(byIndex) ?? peers[0];
}

const unlessVxlan = (link: LinkView | undefined): LinkView | undefined =>
  ownerOf(link?.alias) === undefined ? link : undefined;

/** Whether a program in the pod has put another link in the place of the attachment's, which it uses itself: a hypervisor, for example. */
export const isTakenOver = ({ own, other }: FoundLink): boolean => own !== undefined && other !== undefined;
