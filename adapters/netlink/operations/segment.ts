/**
 * A network of mode node on one node (`domain/node-mode/segment.ts` says how it is to be): its VXLAN device, its bridge, what they forward. What is
 * right already is not touched; what was interrupted is completed. Both are down until everything on them is written.
 */
import { ROUTE_PROTOCOL, address, aliasText, integer, linkName, mac } from '../../links/link-values.ts';
import { PodwireError } from '../../../domain/failures.ts';
import { FLOOD_MAC, type FdbEntry } from '../../../domain/forwarding/fdb.ts';
import type { Neighbour } from '../../../domain/forwarding/neighbours.ts';
import { forwardingDifference, type SeenForwarding } from '../../../domain/node-mode/forwarding-difference.ts';
import type { SegmentChanges } from '../../../domain/ports/segment-kernel.ts';
import {
  PORT,
  SEGMENT_ALIAS,
  type PortEntry,
  type SegmentNames,
  type SegmentPlan,
} from '../../../domain/node-mode/segment.ts';
import { bytes, text, u32, type Attribute } from '../codec/attributes.ts';
import { isPortWith, plainBridgeInfo, portInfo, withoutOwnAddresses, type PortFlags } from '../codec/bridge.ts';
import {
  decodeLink,
  encodeLink,
  IFF,
  IFLA,
  RTM_LINK,
  vxlanChange,
  vxlanInfo,
  type LinkMessage,
} from '../codec/link.ts';
import { FLAG, HEADER } from '../codec/messages.ts';
import {
  decodeNeighbour,
  encodeNeighbour,
  encodeNeighbourDump,
  NTF_MASTER,
  NTF_SELF,
  NUD_NOARP,
  NUD_PERMANENT,
  NUD_REACHABLE,
  RTM_NEIGHBOUR,
  type NeighbourMessage,
} from '../codec/neighbour.ts';
import { AF, macBytes } from '../codec/values.ts';
import { ERRNO, NetlinkRefused, refusal } from '../refused.ts';
import type { NetlinkRequest, NetlinkSocket } from '../socket.ts';
import { LINK_NAMES, NEIGHBOUR_NAMES } from './attribute-names.ts';
import { readNeighbours } from './forwarding.ts';
import { linkNamed } from './links.ts';

export type Requests = Pick<NetlinkSocket, 'request' | 'requestAll' | 'get' | 'dump'>;

/** By their indices. */
export interface SegmentLinks {
  readonly device: number;
  readonly bridge: number;
}

/**
 * Device and bridge, down where they are new.
 * @throws PodwireError LinkConflict, InvalidLink; NetlinkRefused
 */
export function ensureSegmentLinks(socket: Requests, plan: SegmentPlan): SegmentLinks {
  const bridge = ownLink(socket, plan, plan.bridge, 'bridge') ?? makeLink(socket, plan.bridge, bridgeAttributes(plan));
  settle(socket, bridge, plan);
  if (bridge.mac !== plan.mac) setLink(socket, { index: bridge.index, attributes: [macOf(plan)] });
  const found = ownLink(socket, plan, plan.device, 'vxlan');
  const kept = found !== undefined && isSameTunnel(found, plan) ? found : undefined;
  if (found !== undefined && kept === undefined) removeLink(socket, found.index);
  const device = kept ?? makeLink(socket, plan.device, deviceAttributes(plan));
  settle(socket, device, plan);
  const { learning, local, local6 } = device.vxlan ?? {};
  if (learning !== false || (local6 ?? local) !== plan.local)
    setLink(socket, {
      index: device.index,
      attributes: [vxlanChange({ learning: false, local: address(plan.local) })],
    });
  makePort(socket, device, bridge.index, { flood: plan.floodUnknown, suppress: true, isolated: false });
  return { device: device.index, bridge: bridge.index };
}

/** New ways come before old ones go. @throws NetlinkRefused; PodwireError InvalidLink, KernelBusy */
export function writeForwarding(socket: Requests, links: SegmentLinks, plan: SegmentPlan): SegmentChanges {
  const ports = portsOf(socket, links.bridge);
  const indexOf = new Map(ports.map(({ name, index }) => [name, index]));
  const change = forwardingDifference(seenForwarding(socket, links, plan, ports), plan, new Set(indexOf.keys()));
  sendAll(socket, [
    ...change.behind.map(({ mac: hardware, port }) => behindRequest(indexOf.get(port) ?? 0, hardware)),
    ...change.tunnels.map((each) => tunnelRequest(links.device, each)),
    ...change.neighbours.set.map((each) => neighbourRequest(links.bridge, each)),
    ...change.remove.behind.map(({ mac: hardware }) =>
      removal({ ...ENTRY, index: links.device, mac: mac(hardware), flags: NTF_MASTER }),
    ),
    ...change.remove.tunnels.map((each) => removal(tunnelOf(links.device, each))),
    ...change.neighbours.remove.map(({ address: of }) => removal(neighbourAt(links.bridge, of))),
  ]);
  const { tunnels, behind, neighbours, remove, moved } = change;
  return {
    written: tunnels.length + behind.length + neighbours.set.length,
    removed: remove.tunnels.length + remove.behind.length + neighbours.remove.length,
    moved,
  };
}

/** @throws NetlinkRefused */
export function raiseSegment(socket: Requests, { bridge, device }: SegmentLinks, plan: SegmentPlan): void {
  for (const [name, index] of [
    [plan.bridge, bridge],
    [plan.device, device],
  ] as const)
    if (linkNamed(socket, linkName(name))?.up !== true) setLink(socket, { index, flags: IFF.UP, change: IFF.UP });
}

/** Ports of members; undefined: there is no such bridge. */
export function memberPorts(socket: Requests, { bridge, alias }: SegmentNames): LinkMessage[] | undefined {
  const found = linkNamed(socket, linkName(bridge));
  if (found?.kind !== 'bridge' || found.alias !== alias) return undefined;
  return portsOf(socket, found.index).filter(({ name }) => name.startsWith(PORT));
}

/** What is somebody else's stays. @throws NetlinkRefused */
export function removeSegmentLinks(socket: Requests, { device, bridge, alias }: SegmentNames): void {
  for (const [name, kind] of [
    [device, 'vxlan'],
    [bridge, 'bridge'],
  ] as const) {
    const found = linkNamed(socket, linkName(name));
    if (found?.kind === kind && [undefined, '', alias].includes(found.alias)) removeLink(socket, found.index);
  }
}

/** Makes the link a port of the bridge, with these flags, and without addresses of its own. */
export function makePort(socket: Requests, link: LinkMessage, bridge: number, flags: PortFlags): void {
  const { index } = link;
  if (link.masterIndex !== bridge) {
    withoutAddresses(socket, index);
    setLink(socket, { index, attributes: [u32(IFLA.MASTER, bridge)] });
  }
  const seen = socket.get({ type: RTM_LINK.GET, payload: encodeLink({ index }) });
  if (!isPortWith(seen, flags)) setLink(socket, { index, attributes: [portInfo(flags)] });
}

/** Static: it is aged by nobody. */
export const putBehind = (socket: Requests, port: number, hardware: string): void =>
  sendAll(socket, [behindRequest(port, hardware)]);

export const setLink = (socket: Requests, link: Parameters<typeof encodeLink>[0]): void =>
  socket.request({ type: RTM_LINK.NEW, payload: encodeLink(link) }, LINK_NAMES);

/** What went by itself is as good as removed. */
export function removeLink(socket: Requests, index: number): void {
  tolerating([ERRNO.ENODEV], () =>
    socket.request({ type: RTM_LINK.DELETE, payload: encodeLink({ index }) }, LINK_NAMES),
  );
}

/** As `bridge fdb add … static`: the bridge's own entries alone are permanent. */
const STATIC = NUD_NOARP | NUD_REACHABLE;
const ENTRY = { family: AF.BRIDGE } as const;
const GONE: readonly number[] = [ERRNO.ENOENT, ERRNO.ESRCH, ERRNO.ENODEV];

/**
 * What an earlier worker made, or one that was killed before it had said whose it is. What is left of another network, which had the tunnel before
 * this one, goes.
 */
function ownLink(socket: Requests, { alias }: SegmentNames, name: string, kind: string): LinkMessage | undefined {
  const found = linkNamed(socket, linkName(name));
  if (found === undefined) return undefined;
  const theirs = found.alias ?? '';
  if (found.kind === kind && (theirs === alias || theirs === '')) return found;
  if (found.kind !== kind || !theirs.startsWith(SEGMENT_ALIAS))
    throw new PodwireError('LinkConflict', `the node has a link ${name} already, which is not podwire's`);
  removeLink(socket, found.index);
  return undefined;
}

/** Whether what cannot be changed of a device is as it should be. */
function isSameTunnel({ vxlan }: LinkMessage, { vni, dstPort, local }: SegmentPlan): boolean {
  const ownEnd = vxlan?.local6 ?? vxlan?.local;
  const isOfFamily = ownEnd?.includes(':') === local.includes(':');
  return vxlan?.vni === vni && vxlan.dstPort === dstPort && vxlan.linkIndex === undefined && isOfFamily;
}

const bridgeAttributes = (plan: SegmentPlan): Attribute[] => [mtuOf(plan), macOf(plan), plainBridgeInfo()];

/** Bound to no link: the node's own routes say by which one its tunnels leave. */
const deviceAttributes = (plan: SegmentPlan): Attribute[] => [
  mtuOf(plan),
  vxlanInfo({
    vni: integer('id', plan.vni, 1, 16777215),
    dstPort: integer('dstport', plan.dstPort, 1, 65535),
    ...{ learning: false, local: address(plan.local) },
  }),
];

const macOf = (plan: SegmentPlan): Attribute => bytes(IFLA.ADDRESS, macBytes(mac(plan.mac)));
const mtuOf = ({ mtu }: Pick<SegmentPlan, 'mtu'>): Attribute => u32(IFLA.MTU, integer('mtu', mtu, 68, 65535));

function makeLink(socket: Requests, name: string, attributes: readonly Attribute[]): LinkMessage {
  const payload = encodeLink({ attributes: [text(IFLA.IFNAME, linkName(name)), ...attributes] });
  socket.request({ type: RTM_LINK.NEW, flags: FLAG.CREATE | FLAG.EXCLUDE, payload }, LINK_NAMES);
  const made = linkNamed(socket, name);
  if (made === undefined) throw new PodwireError('CommandFailed', `${name} went again as soon as it was made`);
  return made;
}

/** One at a time: of several the kernel may have done the first when it refuses the second. */
function settle(socket: Requests, { index, mtu, alias, up }: LinkMessage, plan: SegmentPlan): void {
  if (!up) withoutAddresses(socket, index);
  if (alias !== plan.alias)
    setLink(socket, { index, attributes: [bytes(IFLA.IFALIAS, Buffer.from(aliasText(plan.alias)))] });
  if (mtu !== plan.mtu) setLink(socket, { index, attributes: [mtuOf(plan)] });
}

/** EAFNOSUPPORT of errno(3): the kernel, or a link with so small an MTU, has no IPv6. */
const NO_IPV6 = 97;
const withoutAddresses = (socket: Requests, index: number): void =>
  tolerating([NO_IPV6], () => setLink(socket, { index, attributes: [withoutOwnAddresses] }));

const portsOf = (socket: Requests, bridge: number): LinkMessage[] =>
  socket
    .dump(RTM_LINK.GET, encodeLink({ attributes: [u32(IFLA.MASTER, bridge)] }))
    .map(decodeLink)
    .filter(({ masterIndex }) => masterIndex === bridge);

function seenForwarding(
  socket: Requests,
  links: SegmentLinks,
  { bridge }: SegmentPlan,
  ports: readonly LinkMessage[],
): SeenForwarding {
  const names = new Map(ports.map(({ index, name }) => [index, name]));
  const all = socket
    .dump(RTM_NEIGHBOUR.GET, encodeNeighbourDump({ family: AF.BRIDGE, masterIndex: links.bridge }))
    .map(decodeNeighbour);
  return {
    tunnels: all.filter((entry) => entry.index === links.device && isTunnel(entry)).map(fdbEntry),
    behind: all.flatMap((entry): PortEntry[] => {
      const port = names.get(entry.index);
      return port !== undefined && isBehind(entry, links) ? [{ mac: entry.mac ?? '', port }] : [];
    }),
    neighbours: readNeighbours(socket, bridge) ?? [],
  };
}

const isTunnel = ({ flags, state }: NeighbourMessage): boolean =>
  (flags & NTF_SELF) !== 0 && (state & (NUD_PERMANENT | NUD_NOARP)) !== 0;

/** Permanent ones are MACs of the ports themselves. */
const isBehind = ({ flags, state, masterIndex }: NeighbourMessage, { bridge }: SegmentLinks): boolean =>
  (flags & NTF_SELF) === 0 && state === NUD_NOARP && masterIndex === bridge;

const fdbEntry = ({ mac: hardware = '', destination, port, vni }: NeighbourMessage): FdbEntry => ({
  ...{ mac: hardware, destination },
  ...(port === undefined ? {} : { port }),
  ...(vni === undefined ? {} : { vni }),
});

const tunnelOf = (index: number, { mac: hardware, destination = '', port, vni }: FdbEntry) => ({
  ...{ ...ENTRY, index, flags: NTF_SELF, mac: mac(hardware), destination: address(destination) },
  ...(port === undefined ? {} : { port }),
  ...(vni === undefined ? {} : { vni }),
});

/** What is refused with one of these is as it is to be. */
type EntryRequest = NetlinkRequest & { readonly unless: readonly number[] };

const behindRequest = (port: number, hardware: string): EntryRequest =>
  put({ ...ENTRY, index: port, mac: mac(hardware), state: STATIC, flags: NTF_MASTER });

/** Broadcasts have a destination for each node; a MAC that is behind another node from now on has one all the time. */
function tunnelRequest(device: number, entry: FdbEntry): EntryRequest {
  const message = tunnelOf(device, entry);
  if (entry.mac !== FLOOD_MAC) return put({ ...message, state: STATIC, flags: NTF_SELF | NTF_MASTER });
  const payload = encodeNeighbour({ ...message, state: NUD_NOARP | NUD_PERMANENT });
  return { type: RTM_NEIGHBOUR.NEW, flags: FLAG.CREATE | FLAG.APPEND, payload, unless: [ERRNO.EEXIST] };
}

const neighbourRequest = (bridge: number, { address: of, mac: hardware }: Neighbour): EntryRequest =>
  put({ ...neighbourAt(bridge, of), state: NUD_PERMANENT, mac: mac(hardware), protocol: ROUTE_PROTOCOL });

type Entry = Parameters<typeof encodeNeighbour>[0];

const put = (entry: Entry): EntryRequest => ({
  ...{ type: RTM_NEIGHBOUR.NEW, flags: FLAG.CREATE | FLAG.REPLACE },
  ...{ payload: encodeNeighbour(entry), unless: [] },
});

const removal = (entry: Entry): EntryRequest => ({
  ...{ type: RTM_NEIGHBOUR.DELETE, payload: encodeNeighbour(entry) },
  unless: GONE,
});

/** In their order. @throws NetlinkRefused: the first that was refused */
function sendAll(socket: Requests, requests: readonly EntryRequest[]): void {
  socket.requestAll(requests).forEach((answer, index) => {
    const { payload = Buffer.alloc(0), unless = [] } = requests[index] ?? {};
    if (answer.errno === 0 || unless.includes(answer.errno)) return;
    throw refusal(answer, Buffer.concat([Buffer.alloc(HEADER), payload]), NEIGHBOUR_NAMES);
  });
}

function neighbourAt(index: number, of: string) {
  const destination = address(of);
  return { family: destination.includes(':') ? AF.INET6 : AF.INET, index, destination };
}

function tolerating(errnos: readonly number[], work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof NetlinkRefused && errnos.includes(error.errno))) throw error;
  }
}
