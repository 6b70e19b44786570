/**
 * A node's part of the mesh between nodes (`domain/primary/node-mesh.ts` says how it is to be). What is right already is not touched; what was interrupted is
 * completed. New ways come before old ones go.
 */
import { ROUTE_PROTOCOL, address, aliasText, integer, linkName, mac } from '../../links/link-values.ts';
import { PodwireError } from '../../../domain/failures.ts';
import { fdbDifference, type FdbEntry } from '../../../domain/forwarding/fdb.ts';
import { neighbourDifference, type Neighbour } from '../../../domain/forwarding/neighbours.ts';
import type { MeshDevice, MeshPlan, MeshRoute } from '../../../domain/primary/node-mesh.ts';
import { familyOf } from '../../../domain/vxlan/link-mtu.ts';
import { decodeAddress, encodeAddress, encodeAddressDump, IFA_F, RTM_ADDRESS } from '../codec/address.ts';
import { bytes, text, u32, type Attribute } from '../codec/attributes.ts';
import { encodeLink, IFF, IFLA, RTM_LINK, vxlanChange, vxlanInfo, type LinkMessage } from '../codec/link.ts';
import { FLAG } from '../codec/messages.ts';
import { encodeNeighbour, NTF_SELF, NUD_NOARP, NUD_PERMANENT, RTM_NEIGHBOUR } from '../codec/neighbour.ts';
import { encodeRoute, RT_SCOPE, RT_TABLE, RTM_ROUTE, RTN, type RouteMessage } from '../codec/route.ts';
import { AF, macBytes } from '../codec/values.ts';
import { ERRNO, NetlinkRefused } from '../refused.ts';
import type { NetlinkRequest, NetlinkSocket } from '../socket.ts';
import { ADDRESS_NAMES, LINK_NAMES, NEIGHBOUR_NAMES, ROUTE_NAMES } from './attribute-names.ts';
import { readFdb, readNeighbours } from './forwarding.ts';
import { linkNamed } from './links.ts';
import { routesOf } from './observe.ts';

type Requests = Pick<NetlinkSocket, 'request' | 'get' | 'dump'>;

/** Counts what is written to the kernel besides the device. */
export interface MeshChanges {
  written: number;
  removed: number;
}

/**
 * The device, down where it is new: settings that must hold before it goes up can be made then.
 * @returns its index
 * @throws PodwireError LinkConflict, InvalidLink; NetlinkRefused
 */
export function ensureMeshDevice(socket: Requests, device: MeshDevice): number {
  const found = ownDevice(socket, device);
  const kept = found !== undefined && isSameTunnel(found, device) ? found : undefined;
  if (found !== undefined && kept === undefined) remove(socket, RTM_LINK.DELETE, encodeLink({ index: found.index }));
  const link = kept ?? madeDevice(socket, device);
  // One at a time: of several the kernel may have done the first when it refuses the second.
  for (const attribute of changesOf(link, device)) setLink(socket, { index: link.index, attributes: [attribute] });
  return link.index;
}

function changesOf({ mtu, mac: hardware, vxlan, alias }: LinkMessage, device: MeshDevice): Attribute[] {
  const ownEnd = vxlan?.local ?? vxlan?.local6;
  const isStatic = vxlan?.learning === false && ownEnd === device.local;
  return [
    ...(mtu === device.mtu ? [] : [mtuOf(device)]),
    ...(hardware === device.mac ? [] : [macOf(device)]),
    ...(isStatic ? [] : [vxlanChange({ learning: false, local: address(device.local) })]),
    ...(alias === device.alias ? [] : [bytes(IFLA.IFALIAS, Buffer.from(aliasText(device.alias)))]),
  ];
}

/** Everything on the device, which is up afterwards, and the routes. @throws NetlinkRefused; PodwireError InvalidLink, KernelBusy */
export function configureMesh(socket: Requests, index: number, plan: MeshPlan): MeshChanges {
  const { name } = plan.device;
  const changes: MeshChanges = { written: 0, removed: 0 };
  if (linkNamed(socket, linkName(name))?.up !== true) setLink(socket, { index, flags: IFF.UP, change: IFF.UP });
  const addresses = addressDifference(socket, index, plan);
  for (const each of addresses.add) putAddress(socket, index, each);
  const neighbours = neighbourDifference(readNeighbours(socket, name) ?? [], plan.neighbours);
  for (const each of neighbours.set) putNeighbour(socket, index, each);
  const entries = fdbDifference(readFdb(socket, name) ?? [], [...plan.entries]);
  for (const each of entries.add) putEntry(socket, index, each);
  const routes = routeDifference(socket, index, plan.routes);
  for (const each of routes.put) putRoute(socket, each);
  for (const each of routes.remove) removeRoute(socket, each);
  for (const each of entries.remove) removeEntry(socket, index, each);
  for (const each of neighbours.remove) removeNeighbour(socket, index, each);
  for (const each of addresses.remove) removeAddress(socket, index, each);
  changes.written = addresses.add.length + neighbours.set.length + entries.add.length + routes.put.length;
  changes.removed = addresses.remove.length + neighbours.remove.length + entries.remove.length + routes.remove.length;
  return changes;
}

/** What an earlier worker made, or one that was killed before it had said whose it is. */
function ownDevice(socket: Requests, { name, alias, vni, dstPort }: MeshDevice): LinkMessage | undefined {
  const found = linkNamed(socket, linkName(name));
  if (found === undefined) return undefined;
  const { vxlan } = found;
  const isNameless = (found.alias ?? '') === '' && vxlan?.vni === vni && vxlan.dstPort === dstPort;
  if (found.kind === 'vxlan' && (found.alias === alias || isNameless)) return found;
  throw new PodwireError('LinkConflict', `the node has a link ${name} already, which is not podwire's`);
}

/** Whether what cannot be changed of a device is as it should be. */
function isSameTunnel({ vxlan }: LinkMessage, { vni, dstPort, local }: MeshDevice): boolean {
  const ownEnd = vxlan?.local ?? vxlan?.local6;
  return (
    vxlan?.vni === vni &&
    vxlan.dstPort === dstPort &&
    vxlan.linkIndex === undefined &&
    ownEnd !== undefined &&
    familyOf(ownEnd) === familyOf(local)
  );
}

/** Bound to no link: the node's own routes say by which one its tunnels leave. */
function madeDevice(socket: Requests, device: MeshDevice): LinkMessage {
  const attributes = [
    text(IFLA.IFNAME, linkName(device.name)),
    ...[mtuOf(device), macOf(device)],
    vxlanInfo({
      vni: integer('id', device.vni, 1, 16777215),
      dstPort: integer('dstport', device.dstPort, 1, 65535),
      learning: false,
      local: address(device.local),
    }),
  ];
  const payload = encodeLink({ attributes });
  socket.request({ type: RTM_LINK.NEW, flags: FLAG.CREATE | FLAG.EXCLUDE, payload }, LINK_NAMES);
  const made = linkNamed(socket, device.name);
  if (made === undefined) throw new PodwireError('CommandFailed', `${device.name} went again as soon as it was made`);
  return made;
}

const mtuOf = ({ mtu }: MeshDevice): Attribute => u32(IFLA.MTU, integer('mtu', mtu, 68, 65535));
const macOf = (device: MeshDevice): Attribute => bytes(IFLA.ADDRESS, macBytes(mac(device.mac)));

const setLink = (socket: Requests, link: Parameters<typeof encodeLink>[0]): void =>
  socket.request({ type: RTM_LINK.NEW, payload: encodeLink(link) }, LINK_NAMES);

interface OwnAddress {
  readonly family: 4 | 6;
  readonly address: string;
}

function addressDifference(socket: Requests, index: number, { addresses }: MeshPlan) {
  const wanted = new Set(addresses.map((each) => each.address));
  const found = socket
    .dump(RTM_ADDRESS.GET, encodeAddressDump({ index }))
    .map(decodeAddress)
    .filter((each) => each.index === index && each.scope === RT_SCOPE.UNIVERSE)
    .map((each): OwnAddress & { readonly prefix: number } => ({
      family: each.family === 4 ? 4 : 6,
      address: each.address,
      prefix: each.prefix,
    }));
  const isRight = (each: (typeof found)[number]): boolean => wanted.has(each.address) && each.prefix === width(each);
  const present = new Set(found.filter(isRight).map((each) => each.address));
  return {
    add: addresses.filter((each) => !present.has(each.address)),
    remove: found.filter((each) => !isRight(each)),
  };
}

const width = ({ family }: Pick<OwnAddress, 'family'>): number => (family === 4 ? 32 : 128);

function putAddress(socket: Requests, index: number, { family, address: own }: OwnAddress): void {
  // Nobody else has it: to ask would keep an IPv6 address from being used for a second.
  const flags = family === 6 ? { flags: IFA_F.NODAD } : {};
  const payload = encodeAddress({ family, address: address(own), prefix: width({ family }), index, ...flags });
  socket.request({ type: RTM_ADDRESS.NEW, flags: FLAG.CREATE | FLAG.REPLACE, payload }, ADDRESS_NAMES);
}

const removeAddress = (socket: Requests, index: number, own: OwnAddress & { readonly prefix: number }): void =>
  remove(socket, RTM_ADDRESS.DELETE, encodeAddress({ ...own, index }));

function putNeighbour(socket: Requests, index: number, { address: of, mac: hardware }: Neighbour): void {
  const destination = address(of);
  const payload = encodeNeighbour({
    ...{ family: familyOfNeighbour(destination), index, state: NUD_PERMANENT },
    ...{ destination, mac: mac(hardware), protocol: ROUTE_PROTOCOL },
  });
  socket.request({ type: RTM_NEIGHBOUR.NEW, flags: FLAG.CREATE | FLAG.REPLACE, payload }, NEIGHBOUR_NAMES);
}

const removeNeighbour = (socket: Requests, index: number, { address: destination }: Neighbour): void =>
  remove(socket, RTM_NEIGHBOUR.DELETE, encodeNeighbour({ family: familyOfNeighbour(destination), index, destination }));

const familyOfNeighbour = (text: string) => (familyOf(text) === 4 ? AF.INET : AF.INET6);

const entryMessage = (index: number, { mac: hardware, destination = '' }: FdbEntry): Buffer =>
  encodeNeighbour({
    ...{ family: AF.BRIDGE, index, state: NUD_NOARP | NUD_PERMANENT, flags: NTF_SELF },
    ...{ mac: mac(hardware), destination: address(destination) },
  });

/** A MAC that is behind another node's address from now on has one destination all the time. */
function putEntry(socket: Requests, index: number, entry: FdbEntry): void {
  const payload = entryMessage(index, entry);
  socket.request({ type: RTM_NEIGHBOUR.NEW, flags: FLAG.CREATE | FLAG.REPLACE, payload }, NEIGHBOUR_NAMES);
}

function removeEntry(socket: Requests, index: number, entry: FdbEntry): void {
  if (entry.destination !== undefined) remove(socket, RTM_NEIGHBOUR.DELETE, entryMessage(index, entry));
}

/** With the index of the link in place of its name. */
type Way = Omit<MeshRoute, 'link'> & { readonly oif?: number };

function routeDifference(socket: Requests, index: number, wanted: readonly MeshRoute[]) {
  const ways = wanted.map(({ link, ...route }): Way => {
    if (link === undefined) return route;
    const oif = linkNamed(socket, linkName(link))?.index;
    if (oif === undefined) throw new PodwireError('ParentMissing', `the node has no link ${link}`);
    return { ...route, oif };
  });
  const found = ([4, 6] as const)
    .flatMap((family) => routesOf(socket, family))
    .filter((route) => isOfMesh(route, index))
    .map(wayOf);
  const present = new Set(found.map(keyOf));
  const kept = new Set(ways.map(placeOf));
  return {
    put: ways.filter((way) => !present.has(keyOf(way))),
    // Another way to the same destination takes the place of the one before.
    remove: found.filter((way) => !kept.has(placeOf(way))),
  };
}

/** Routes to single pods of this node have no gateway, and leave by other links. */
const isOfMesh = ({ table, protocol, oif, gateway, type }: RouteMessage, index: number): boolean =>
  table === RT_TABLE.MAIN &&
  protocol === ROUTE_PROTOCOL &&
  (oif === index || gateway !== undefined || type === RTN.UNREACHABLE);

function wayOf({ family, destination, oif, gateway, preferredSource, type }: RouteMessage): Way {
  const [network = '', prefix = ''] = destination.split('/');
  return {
    family: family === 4 ? 4 : 6,
    destination: { address: network, prefix: Number(prefix) },
    ...(type === RTN.UNREACHABLE || oif === undefined ? {} : { oif }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(preferredSource === undefined ? {} : { source: preferredSource }),
  };
}

const placeOf = ({ destination }: Way): string => `${destination.address}/${destination.prefix}`;
const keyOf = (way: Way): string => [placeOf(way), way.oif, way.gateway, way.source].join(' ');

function routeMessage({ family, destination, oif, gateway, source }: Way, type: number): Buffer {
  return encodeRoute({
    ...{ family, destination, protocol: ROUTE_PROTOCOL, type },
    // The kernel takes no other scope for what leads nowhere.
    ...(oif === undefined ? { scope: RT_SCOPE.UNIVERSE } : { oif }),
    ...(gateway === undefined ? {} : { gateway: address(gateway) }),
    ...(source === undefined ? {} : { preferredSource: address(source) }),
  });
}

const typeOf = ({ oif }: Way): number => (oif === undefined ? RTN.UNREACHABLE : RTN.UNICAST);

function putRoute(socket: Requests, way: Way): void {
  const payload = routeMessage(way, typeOf(way));
  socket.request({ type: RTM_ROUTE.NEW, flags: FLAG.CREATE | FLAG.REPLACE, payload }, ROUTE_NAMES);
}

const removeRoute = (socket: Requests, way: Way): void =>
  remove(socket, RTM_ROUTE.DELETE, routeMessage(way, typeOf(way)));

const GONE: readonly number[] = [ERRNO.ENOENT, ERRNO.ESRCH, ERRNO.ENODEV, ERRNO.EADDRNOTAVAIL];

/** What went by itself, as with its link, is as good as removed. */
function remove(socket: Requests, type: NetlinkRequest['type'], payload: Buffer): void {
  try {
    socket.request({ type, payload });
  } catch (error) {
    if (!(error instanceof NetlinkRefused && GONE.includes(error.errno))) throw error;
  }
}
