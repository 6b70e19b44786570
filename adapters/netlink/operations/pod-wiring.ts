/**
 * Connects a pod to its node (`domain/primary/pod-wiring.ts` says how). Every request says how a thing is to be, not how it changes, so that the
 * same sequence completes what an earlier one began.
 */
import { ROUTE_PROTOCOL, address, aliasText, integer, linkName, mac } from '../../links/link-values.ts';
import { PodwireError } from '../../../domain/failures.ts';
import type { PodWiring, WiredAddress } from '../../../domain/primary/pod-wiring.ts';
import { encodeAddress, IFA_F, RTM_ADDRESS } from '../codec/address.ts';
import { bytes, text, u32, type Attribute } from '../codec/attributes.ts';
import { encodeLink, IFF, IFLA, RTM_LINK, vethInfo, type LinkMessage } from '../codec/link.ts';
import { FLAG } from '../codec/messages.ts';
import { encodeNeighbour, NUD_PERMANENT, RTM_NEIGHBOUR } from '../codec/neighbour.ts';
import { encodeRoute, RT_SCOPE, RTM_ROUTE } from '../codec/route.ts';
import { AF, macBytes } from '../codec/values.ts';
import { ERRNO, NetlinkRefused } from '../refused.ts';
import type { NetlinkSocket } from '../socket.ts';
import { ADDRESS_NAMES, LINK_NAMES, NEIGHBOUR_NAMES, ROUTE_NAMES } from './attribute-names.ts';
import { linkNamed } from './links.ts';

type Requests = Pick<NetlinkSocket, 'request' | 'get'>;

/** The namespaces of both ends. */
export interface WiringSockets {
  readonly pod: Requests;
  readonly host: Requests;
  /** Open, of the node's namespace. */
  readonly hostFd: number;
}

/** Both ends, by their indices in their namespaces. */
export interface WiredPair {
  readonly pod: number;
  readonly host: number;
}

/**
 * The pair, down where it is new: settings that must hold before it goes up can be made then.
 * @throws PodwireError LinkConflict, InvalidLink; NetlinkRefused
 */
export function ensurePair(sockets: WiringSockets, wiring: PodWiring): WiredPair {
  const { pod, host } = sockets;
  const found = pairOf(sockets, wiring);
  const ends = found ?? newPair(sockets, wiring);
  const mtu = u32(IFLA.MTU, checkedMtu(wiring));
  const alias = bytes(IFLA.IFALIAS, Buffer.from(aliasText(wiring.alias)));
  setLink(pod, ends.pod, [mtu]);
  setLink(host, ends.host, [mtu]);
  setLink(pod, ends.pod, [alias]);
  setLink(host, ends.host, [alias]);
  return ends;
}

/** Addresses, routes and neighbours of both ends, which are up afterwards. @throws NetlinkRefused */
export function configurePair({ pod, host }: WiringSockets, ends: WiredPair, wiring: PodWiring): void {
  setUp(pod, ends.pod);
  setUp(host, ends.host);
  for (const wired of wiring.addresses) {
    const own = ipOf(wired.family, wired.address);
    const gateway = ipOf(wired.family, wired.gateway);
    putAddress(host, ends.host, gateway);
    putNeighbour(host, ends.host, own, wiring.podMac);
    putRoute(host, { ...whole(own), family: own.family, oif: ends.host, preferredSource: gateway.address });
    putAddress(pod, ends.pod, own);
    putNeighbour(pod, ends.pod, gateway, wiring.hostMac);
    putRoute(pod, { ...whole(gateway), family: own.family, oif: ends.pod });
    putRoute(pod, { family: own.family, oif: ends.pod, gateway: gateway.address, scope: RT_SCOPE.UNIVERSE });
  }
}

/**
 * The other end goes with the host end, and so does everything on both.
 * @returns false: there is no host end of this sandbox
 * @throws NetlinkRefused
 */
export function removePair(host: Requests, { hostName, alias }: Pick<PodWiring, 'hostName' | 'alias'>): boolean {
  const end = linkNamed(host, linkName(hostName));
  if (end === undefined || end.kind !== 'veth') return false;
  // Without an alias it was interrupted while it was made: for whoever has the address, by which it is named.
  if (end.alias !== undefined && end.alias !== '' && end.alias !== alias) return false;
  removeLink(host, end.index);
  return true;
}

/** Both ends, where they are each other's. What is left of another sandbox is removed. */
function pairOf({ pod, host }: WiringSockets, wiring: PodWiring): WiredPair | undefined {
  const podEnd = linkNamed(pod, linkName(wiring.podName));
  const hostEnd = linkNamed(host, linkName(wiring.hostName));
  if (podEnd !== undefined && hostEnd !== undefined && areOnePair(podEnd, hostEnd, wiring))
    return { pod: podEnd.index, host: hostEnd.index };
  if (podEnd !== undefined)
    throw new PodwireError(
      'LinkConflict',
      `the pod has an interface ${wiring.podName} already, which is not podwire's`,
    );
  if (hostEnd === undefined) return undefined;
  if (hostEnd.kind !== 'veth')
    throw new PodwireError('LinkConflict', `the node has a link ${wiring.hostName} that is no end of a veth pair`);
  removeLink(host, hostEnd.index);
  return undefined;
}

/** Indices count in two namespaces: what somebody else made could have the same ones, but not the MACs as well. */
export const areOnePair = (podEnd: LinkMessage, hostEnd: LinkMessage, { podMac, hostMac }: PodWiring): boolean =>
  podEnd.kind === 'veth' &&
  hostEnd.kind === 'veth' &&
  podEnd.linkIndex === hostEnd.index &&
  hostEnd.linkIndex === podEnd.index &&
  podEnd.mac === podMac &&
  hostEnd.mac === hostMac;

/** Asked for in the pod's namespace: this socket is surely there, while the number of an open file may be another one's by now. */
function newPair({ pod, host, hostFd }: WiringSockets, wiring: PodWiring): WiredPair {
  const mtu = u32(IFLA.MTU, checkedMtu(wiring));
  const hostEnd = [mtu, bytes(IFLA.ADDRESS, macBytes(mac(wiring.hostMac)))];
  const attributes = [
    text(IFLA.IFNAME, linkName(wiring.podName)),
    mtu,
    bytes(IFLA.ADDRESS, macBytes(mac(wiring.podMac))),
    vethInfo(linkName(wiring.hostName), hostFd, hostEnd),
  ];
  pod.request(
    { type: RTM_LINK.NEW, flags: FLAG.CREATE | FLAG.EXCLUDE, payload: encodeLink({ attributes }) },
    LINK_NAMES,
  );
  return { pod: made(pod, wiring.podName), host: made(host, wiring.hostName) };
}

function made(socket: Requests, name: string): number {
  const index = linkNamed(socket, name)?.index;
  if (index === undefined) throw new PodwireError('CommandFailed', `${name} went again as soon as it was made`);
  return index;
}

const checkedMtu = ({ mtu }: PodWiring): number => integer('mtu', mtu, 68, 65535);

const setLink = (socket: Requests, index: number, attributes: readonly Attribute[]): void =>
  socket.request({ type: RTM_LINK.NEW, payload: encodeLink({ index, attributes }) }, LINK_NAMES);

const setUp = (socket: Requests, index: number): void =>
  socket.request({ type: RTM_LINK.NEW, payload: encodeLink({ index, flags: IFF.UP, change: IFF.UP }) }, LINK_NAMES);

function removeLink(socket: Requests, index: number): void {
  try {
    socket.request({ type: RTM_LINK.DELETE, payload: encodeLink({ index }) }, LINK_NAMES);
  } catch (error) {
    if (!(error instanceof NetlinkRefused && error.errno === ERRNO.ENODEV)) throw error;
  }
}

interface Ip {
  readonly family: 4 | 6;
  readonly address: string;
}

const ipOf = (family: WiredAddress['family'], given: string): Ip => ({ family, address: address(given) });

/** The subnet of one address. */
const whole = ({ family, address: own }: Ip) => ({ destination: { address: own, prefix: family === 4 ? 32 : 128 } });

function putAddress(socket: Requests, index: number, { family, address: own }: Ip): void {
  const prefix = family === 4 ? 32 : 128;
  // Nobody else has it: to ask would keep an IPv6 address from being used for a second.
  const flags = family === 6 ? { flags: IFA_F.NODAD } : {};
  const payload = encodeAddress({ family, address: own, prefix, index, ...flags });
  socket.request({ type: RTM_ADDRESS.NEW, flags: FLAG.CREATE | FLAG.REPLACE, payload }, ADDRESS_NAMES);
}

function putNeighbour(socket: Requests, index: number, { family, address: destination }: Ip, hardware: string): void {
  const payload = encodeNeighbour({
    family: family === 4 ? AF.INET : AF.INET6,
    ...{ index, destination, mac: mac(hardware), state: NUD_PERMANENT, protocol: ROUTE_PROTOCOL },
  });
  socket.request({ type: RTM_NEIGHBOUR.NEW, flags: FLAG.CREATE | FLAG.REPLACE, payload }, NEIGHBOUR_NAMES);
}

function putRoute(socket: Requests, route: Parameters<typeof encodeRoute>[0]): void {
  const payload = encodeRoute({ ...route, protocol: ROUTE_PROTOCOL });
  socket.request({ type: RTM_ROUTE.NEW, flags: FLAG.CREATE | FLAG.REPLACE, payload }, ROUTE_NAMES);
}
