/** What a network namespace holds, read through a socket in it. */
import { ROUTE_PROTOCOL } from '../../links/link-values.ts';
import { FLAGS as VXLAN_FLAGS } from './vxlan-flags.ts';
import type { HostEnd, LinkView, NetnsView, RouteView, VxlanView } from '../../../domain/vxlan/link-observation.ts';
import { decodeAddress, encodeAddressDump, RTM_ADDRESS, type AddressMessage } from '../codec/address.ts';
import { nested, text } from '../codec/attributes.ts';
import { decodeLink, encodeLink, IFLA, IFLA_INFO, RTM_LINK, type LinkMessage, type VxlanData } from '../codec/link.ts';
import { decodeRoute, encodeRouteDump, RT_SCOPE, RTM_ROUTE, type RouteMessage } from '../codec/route.ts';
import type { NetlinkSocket } from '../socket.ts';
import { allLinks } from './links.ts';

const FAMILIES = [4, 6] as const;
/** RTM_F_CLONED: a route that the kernel made for one destination, out of another. */
const CLONED = 0x200;

export function observe(socket: NetlinkSocket): NetnsView {
  const links = allLinks(socket);
  const names = new Map(links.map(({ index, name }) => [index, name]));
  const addresses = new Map<number, AddressMessage[]>(links.map(({ index }) => [index, []]));
  for (const address of addressesOf(socket)) addresses.get(address.index)?.push(address);
  return {
    links: links.map((link) => linkView(link, addresses.get(link.index) ?? [], names)),
    routes: FAMILIES.flatMap((family) => routesOf(socket, family)).flatMap((route) => routeViews(route, names)),
  };
}

const addressesOf = (socket: NetlinkSocket): AddressMessage[] =>
  socket.dump(RTM_ADDRESS.GET, encodeAddressDump({})).map(decodeAddress);

/** Of all tables. @param oif only those through the link of that index */
export function routesOf(socket: Pick<NetlinkSocket, 'dump'>, family: 4 | 6, oif?: number): RouteMessage[] {
  return socket
    .dump(RTM_ROUTE.GET, encodeRouteDump({ family, ...(oif === undefined ? {} : { oif }) }))
    .map(decodeRoute)
    .filter((route) => route.family === family && (route.flags & CLONED) === 0);
}

/** Ends of veths whose other end is in another namespace. */
export function hostEnds(socket: NetlinkSocket): HostEnd[] {
  const onlyVeths = nested(IFLA.LINKINFO, [text(IFLA_INFO.KIND, 'veth')]);
  const veths = socket
    .dump(RTM_LINK.GET, encodeLink({ attributes: [onlyVeths] }))
    .map(decodeLink)
    .filter(({ kind }) => kind === 'veth');
  const masters = veths.some(({ masterIndex }) => masterIndex !== undefined) ? allLinks(socket) : [];
  const names = new Map(masters.map(({ index, name }) => [index, name]));
  return veths.flatMap(({ index, name, linkIndex, linkNetnsid, masterIndex }): HostEnd[] => {
    if (linkIndex === undefined || linkNetnsid === undefined) return [];
    const bridge = masterIndex === undefined ? undefined : names.get(masterIndex);
    return [{ ifindex: index, name, peerIfindex: linkIndex, ...(bridge === undefined ? {} : { bridge }) }];
  });
}

function linkView(
  link: LinkMessage,
  addresses: readonly AddressMessage[],
  names: ReadonlyMap<number, string>,
): LinkView {
  const { index, name, mac, mtu, up, alias, kind, linkIndex, linkNetnsid } = link;
  const isElsewhere = kind === 'veth' && linkNetnsid !== undefined && linkIndex !== undefined;
  return {
    ...{ ifindex: index, name, mac, mtu, up, alias, kind },
    ...(isElsewhere ? { peerIfindex: linkIndex } : {}),
    vxlan: kind === 'vxlan' && link.vxlan !== undefined ? vxlanView(link.vxlan, names) : undefined,
    addresses: addresses.map(({ address, prefix, family, scope }) => ({
      cidr: `${address}/${prefix}`,
      family: family === 6 ? 6 : 4,
      linkLocal: family === 6 && scope === RT_SCOPE.LINK,
    })),
  };
}

/** undefined for a device that takes its VNI from metadata: it has none of its own. */
function vxlanView(data: VxlanData, names: ReadonlyMap<number, string>): VxlanView | undefined {
  if (data.collectMetadata) return undefined;
  const { vni, dstPort = 0, srcPorts, linkIndex, learning, local, local6, group, group6 } = data;
  if (vni === undefined) return undefined;
  const ownEnd = local6 ?? local;
  const remote = group6 ?? group;
  const flags = VXLAN_FLAGS.filter(([, isSet]) => isSet(data)).map(([word]) => word);
  return {
    ...{ vni, dstPort },
    // 0 and 0 is the kernel's way to say that it chooses.
    ...(srcPorts === undefined || srcPorts.high === 0
      ? {}
      : { srcPorts: { first: srcPorts.low, last: srcPorts.high } }),
    parent: linkIndex === undefined ? undefined : names.get(linkIndex),
    learning: learning !== false,
    family: (local6 ?? group6) === undefined ? 4 : 6,
    ...(ownEnd === undefined ? {} : { local: ownEnd }),
    ...(remote === undefined ? {} : { remote }),
    ...(flags.length === 0 ? {} : { flags }),
  };
}

/** One for each way that has a gateway. */
function routeViews(route: RouteMessage, names: ReadonlyMap<number, string>): RouteView[] {
  const ways = route.nexthops.length > 0 ? route.nexthops : [route];
  return ways.flatMap(({ gateway, oif }): RouteView[] => {
    const link = oif === undefined ? undefined : names.get(oif);
    if (gateway === undefined || link === undefined) return [];
    const isForeign = route.protocol !== ROUTE_PROTOCOL;
    return [{ destination: route.destination, gateway, link, ...(isForeign ? { foreign: true as const } : {}) }];
  });
}
