/** Commands of podwire as requests to the kernel, each the one that iproute2 would send. */
import { alreadySo, commandFailure } from '../../links/command-failures.ts';
import { ROUTE_PROTOCOL, address, aliasText, cidr, integer, linkName, mac } from '../../links/link-values.ts';
import type { LinkCommand } from '../../../domain/ports/link-kernel.ts';
import { encodeAddress, IFA_F, RTM_ADDRESS } from '../codec/address.ts';
import { bytes, text, u32, type Attribute } from '../codec/attributes.ts';
import { encodeLink, IFF, IFLA, RTM_LINK, vxlanChange, vxlanInfo } from '../codec/link.ts';
import { FLAG } from '../codec/messages.ts';
import { encodeNeighbour, NTF_USE, NUD_FAILED, NUD_PERMANENT, RTM_NEIGHBOUR } from '../codec/neighbour.ts';
import { encodeRoute, RT_SCOPE, RTM_ROUTE, RTN, RTPROT } from '../codec/route.ts';
import { AF, macBytes } from '../codec/values.ts';
import { NetlinkRefused, type AttributeNames } from '../refused.ts';
import type { NetlinkRequest, NetlinkSocket } from '../socket.ts';
import { ADDRESS_NAMES, LINK_NAMES, NEIGHBOUR_NAMES, ROUTE_NAMES } from './attribute-names.ts';
import { indexOf } from './links.ts';

type Requests = Pick<NetlinkSocket, 'request' | 'get'>;
type Request = NetlinkRequest & { readonly names: AttributeNames };
type On<Op extends LinkCommand['op']> = Extract<LinkCommand, { op: Op }>;

/**
 * Runs the commands in order and stops at the first that fails; what is already so counts as done.
 * @throws PodwireError as `NetnsKernel.execute` says
 */
export function executeAll(socket: Requests, commands: readonly LinkCommand[]): void {
  for (const command of commands) {
    try {
      for (const request of requestsOf(socket, command)) socket.request(request, request.names);
    } catch (error) {
      const said = wordsOf(error);
      if (said === undefined) throw error;
      if (!alreadySo(command, said)) throw commandFailure(command, said);
    }
  }
}

/** There is no link of that name; said in iproute2's words, which name what is missing. */
class LinkAbsent extends Error {
  constructor(name: string) {
    super(`Cannot find device "${name}"`);
    this.name = 'LinkAbsent';
  }
}

const wordsOf = (error: unknown): string | undefined =>
  error instanceof NetlinkRefused || error instanceof LinkAbsent ? error.message : undefined;

function present(socket: Requests, name: string): number {
  const index = indexOf(socket, linkName(name));
  if (index === undefined) throw new LinkAbsent(name);
  return index;
}

function requestsOf(socket: Requests, command: LinkCommand): Request[] {
  if (command.op === 'add-vxlan') return [addVxlan(command, present(socket, command.parent))];
  const requests = checkedRequests(command);
  const index = present(socket, command.name);
  return requests(index);
}

/** The command's values are checked before the kernel is asked for anything. */
function checkedRequests(command: Exclude<LinkCommand, { op: 'add-vxlan' }>): (index: number) => Request[] {
  switch (command.op) {
    case 'add-address':
    case 'remove-address':
      return addressRequest(command);
    case 'add-route':
    case 'remove-route':
      return routeRequest(command);
    case 'prefer-default':
    case 'unprefer-default':
    case 'drop-default':
      return defaultRequest(command);
    case 'announce':
      return announcement(command);
    case 'remove-link':
      return (index) => [{ type: RTM_LINK.DELETE, payload: encodeLink({ index }), names: LINK_NAMES }];
    case 'set-up':
    case 'set-down':
      return (index) => [linkRequest({ index, flags: command.op === 'set-up' ? IFF.UP : 0, change: IFF.UP })];
    default: {
      const attribute = settingOf(command);
      return (index) => [linkRequest({ index, attributes: [attribute] })];
    }
  }
}

const linkRequest = (link: Parameters<typeof encodeLink>[0]): Request => ({
  type: RTM_LINK.NEW,
  payload: encodeLink(link),
  names: LINK_NAMES,
});

function settingOf(
  command: On<'set-alias' | 'set-mac' | 'set-mtu' | 'set-nolearning' | 'rename' | 'announce-all'>,
): Attribute {
  switch (command.op) {
    case 'set-alias':
      // Without the zero at its end: an alias of no bytes removes it.
      return bytes(IFLA.IFALIAS, Buffer.from(aliasText(command.alias)));
    // The MAC that a link has, set again, is announced again.
    case 'announce-all':
    case 'set-mac':
      return bytes(IFLA.ADDRESS, macBytes(mac(command.mac)));
    case 'set-mtu':
      return u32(IFLA.MTU, integer('mtu', command.mtu, 68, 65535));
    case 'set-nolearning':
      return vxlanChange({ learning: false });
    case 'rename':
      return text(IFLA.IFNAME, linkName(command.to));
  }
}

function addVxlan(command: On<'add-vxlan'>, parentIndex: number): Request {
  const { first, last } = command.srcPorts ?? {};
  const srcPorts =
    first === undefined || last === undefined
      ? {}
      : { srcPorts: { first: integer('srcport', first, 1, 65535), last: integer('srcport', last, 1, 65535) } };
  const attributes = [
    text(IFLA.IFNAME, linkName(command.name)),
    u32(IFLA.MTU, integer('mtu', command.mtu, 68, 65535)),
    ...(command.mac === undefined ? [] : [bytes(IFLA.ADDRESS, macBytes(mac(command.mac)))]),
    vxlanInfo({
      vni: integer('id', command.vni, 1, 16777215),
      dstPort: integer('dstport', command.dstPort, 1, 65535),
      ...srcPorts,
      linkIndex: parentIndex,
      learning: false,
      ...(command.local === undefined ? {} : { local: address(command.local) }),
    }),
  ];
  return { ...linkRequest({ attributes }), flags: FLAG.CREATE | FLAG.EXCLUDE };
}

function addressRequest(command: On<'add-address' | 'remove-address'>): (index: number) => Request[] {
  const parsed = parts(cidr(command.cidr));
  const add = command.op === 'add-address';
  return (index) => [
    {
      type: add ? RTM_ADDRESS.NEW : RTM_ADDRESS.DELETE,
      flags: add ? FLAG.CREATE | FLAG.EXCLUDE : 0,
      // Without NODAD a new IPv6 address could not be used for a second.
      payload: encodeAddress({ ...parsed, index, ...(add && parsed.family === 6 ? { flags: IFA_F.NODAD } : {}) }),
      names: ADDRESS_NAMES,
    },
  ];
}

interface Way {
  readonly destination?: string;
  readonly gateway?: string;
  readonly family: 4 | 6;
  readonly priority?: number;
  readonly protocol?: number;
}

const newRoute = ({ destination, ...way }: Way, oif: number, flags: number): Request => ({
  type: RTM_ROUTE.NEW,
  flags: FLAG.CREATE | flags,
  payload: encodeRoute({ ...way, ...to(destination), oif, scope: RT_SCOPE.UNIVERSE }),
  names: ROUTE_NAMES,
});

/** What is not said here is not compared. */
const ANY_KIND = { scope: RT_SCOPE.NOWHERE, type: RTN.UNSPEC, protocol: RTPROT.UNSPEC };

const deleteRoute = ({ destination, ...way }: Way, oif: number): Request => ({
  type: RTM_ROUTE.DELETE,
  payload: encodeRoute({ ...ANY_KIND, ...way, ...to(destination), oif }),
  names: ROUTE_NAMES,
});

const to = (destination: string | undefined) => {
  if (destination === undefined) return {};
  const { address: network, prefix } = parts(destination);
  return { destination: { address: network, prefix } };
};

function routeRequest(command: On<'add-route' | 'remove-route'>): (index: number) => Request[] {
  const gateway = address(command.gateway);
  const way = { destination: cidr(command.destination), gateway, family: family(gateway), protocol: ROUTE_PROTOCOL };
  return (index) => [command.op === 'add-route' ? newRoute(way, index, FLAG.EXCLUDE) : deleteRoute(way, index)];
}

/** IPv4 keeps routes of one metric in order, and a new one without EXCLUDE and APPEND comes first; IPv6 would share the traffic between them. */
function defaultRequest(
  command: On<'prefer-default' | 'unprefer-default' | 'drop-default'>,
): (index: number) => Request[] {
  const gateway = command.gateway === undefined ? undefined : address(command.gateway);
  const six = gateway?.includes(':') === true;
  const way: Way = {
    family: six ? 6 : 4,
    ...(gateway === undefined ? {} : { gateway }),
    ...(command.op === 'drop-default' ? {} : { protocol: ROUTE_PROTOCOL, ...(six ? { priority: 1 } : {}) }),
  };
  return (index) => [
    command.op === 'prefer-default' ? newRoute(way, index, six ? FLAG.EXCLUDE : 0) : deleteRoute(way, index),
  ];
}

/**
 * Asking for its own address is what RFC 5227 calls an announcement; the kernel asks when somebody says that he uses a neighbour. It does so at
 * once only where it does not ask already: of two announcements within three seconds the second would wait for the next of its questions,
 * which come a second apart. So the entry is made to have failed before.
 */
function announcement(command: On<'announce'>): (index: number) => Request[] {
  const destination = address(command.address);
  const about = { family: family(destination) === 4 ? AF.INET : AF.INET6, destination };
  const replace = FLAG.CREATE | FLAG.REPLACE;
  return (index) =>
    [
      { ...about, index, state: NUD_FAILED },
      { ...about, index, state: NUD_PERMANENT, flags: NTF_USE },
    ].map((neighbour) => ({
      type: RTM_NEIGHBOUR.NEW,
      flags: replace,
      payload: encodeNeighbour(neighbour),
      names: NEIGHBOUR_NAMES,
    }));
}

const family = (text: string): 4 | 6 => (text.includes(':') ? 6 : 4);

function parts(checked: string): { address: string; prefix: number; family: 4 | 6 } {
  const [bare = '', prefix = ''] = checked.split('/');
  return { address: bare, prefix: Number(prefix), family: family(bare) };
}
