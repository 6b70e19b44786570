/** Links of the namespace that a socket is in, as messages. */
import { text } from '../codec/attributes.ts';
import { decodeLink, encodeLink, IFLA, RTM_LINK, type LinkMessage } from '../codec/link.ts';
import { ERRNO, NetlinkRefused } from '../refused.ts';
import type { NetlinkSocket } from '../socket.ts';

/** undefined: there is no link of that name. */
export function linkNamed(socket: Pick<NetlinkSocket, 'get'>, name: string): LinkMessage | undefined {
  try {
    return decodeLink(
      socket.get({ type: RTM_LINK.GET, payload: encodeLink({ attributes: [text(IFLA.IFNAME, name)] }) }),
    );
  } catch (error) {
    if (error instanceof NetlinkRefused && error.errno === ERRNO.ENODEV) return undefined;
    throw error;
  }
}

/** undefined: there is no link of that index. */
export function linkAt(socket: Pick<NetlinkSocket, 'get'>, index: number): LinkMessage | undefined {
  try {
    return decodeLink(socket.get({ type: RTM_LINK.GET, payload: encodeLink({ index }) }));
  } catch (error) {
    if (error instanceof NetlinkRefused && error.errno === ERRNO.ENODEV) return undefined;
    throw error;
  }
}

export const indexOf = (socket: Pick<NetlinkSocket, 'get'>, name: string): number | undefined =>
  linkNamed(socket, name)?.index;

export const allLinks = (socket: NetlinkSocket): LinkMessage[] =>
  socket.dump(RTM_LINK.GET, encodeLink({})).map(decodeLink);
