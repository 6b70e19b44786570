/** Answers to people's questions about links, in iproute2's words. */
import { linkName } from '../../links/link-values.ts';
import type { InspectQuestion } from '../../../domain/ports/inspect-pod.ts';
import { decodeAddress, encodeAddressDump, RTM_ADDRESS } from '../codec/address.ts';
import { decodeLinkDetails } from '../codec/link-details.ts';
import { decodeLink, encodeLink, RTM_LINK } from '../codec/link.ts';
import { RT_TABLE } from '../codec/route.ts';
import { AF } from '../codec/values.ts';
import { addressText } from '../print/address.ts';
import { forwardingText } from '../print/forwarding.ts';
import { linkText, type PrintedLink } from '../print/link.ts';
import { routeText } from '../print/route.ts';
import type { KnownLinks } from '../print/words.ts';
import type { NetlinkSocket } from '../socket.ts';
import { neighboursOf } from './forwarding.ts';
import { routesOf } from './observe.ts';

interface Asked {
  readonly socket: NetlinkSocket;
  readonly link: PrintedLink;
  readonly links: KnownLinks;
}

const TEXTS: Readonly<Record<InspectQuestion['about'], (asked: Asked) => string>> = {
  addresses: (asked) => addresses(asked, false),
  details: (asked) => addresses(asked, true),
  fdb: ({ socket, link, links }) =>
    neighboursOf(socket, AF.BRIDGE, link.message.index)
      .map((entry) => forwardingText(entry, links))
      .join(''),
  // As `ip route show dev LINK`: of IPv4, of the main table, and none that has several ways.
  routes: ({ socket, link }) =>
    routesOf(socket, 4, link.message.index)
      .filter(({ table, oif }) => table === RT_TABLE.MAIN && oif === link.message.index)
      .map(routeText)
      .join(''),
};

/** One answer for each question, in their order; undefined: there is no link of that name. @throws PodwireError InvalidLink */
export function print(socket: NetlinkSocket, questions: readonly InspectQuestion[]): (string | undefined)[] {
  const named = questions.map(({ about, link }) => ({ about, name: linkName(link) }));
  const all = socket.dump(RTM_LINK.GET, encodeLink({})).map((payload) => ({
    message: decodeLink(payload),
    details: decodeLinkDetails(payload),
  }));
  const links = knownLinks(all);
  return named.map(({ about, name }) => {
    const link = all.find(({ message }) => message.name === name || message.altNames.includes(name));
    return link && TEXTS[about]({ socket, link, links });
  });
}

function knownLinks(all: readonly PrintedLink[]): KnownLinks {
  const byIndex = new Map(all.map(({ message }) => [message.index, message]));
  return {
    nameOf: (index) => byIndex.get(index)?.name ?? `if${index}`,
    isDown: (index) => byIndex.get(index)?.up === false,
  };
}

function addresses({ socket, link, links }: Asked, isDetailed: boolean): string {
  const { index } = link.message;
  const own = socket
    .dump(RTM_ADDRESS.GET, encodeAddressDump({ index }))
    .map(decodeAddress)
    .filter((address) => address.index === index);
  return linkText(link, links, isDetailed) + own.map(addressText).join('');
}
