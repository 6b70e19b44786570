/**
 * A member's port in a network of mode node: a veth pair from the node's bridge into the pod. Every request says how a thing is to be, so that the
 * same sequence completes what an earlier one began. As whom the pod may send is settled before either end is up.
 */
import { aliasText, cidr, integer, linkName, mac } from '../../links/link-values.ts';
import { PodwireError } from '../../../domain/failures.ts';
import { announcements } from '../../../domain/forwarding/announcement.ts';
import type { SegmentNames, SegmentPlan, SegmentPort } from '../../../domain/node-mode/segment.ts';
import type { SegmentChanges } from '../../../domain/ports/segment-kernel.ts';
import { sendersDifference } from '../../../domain/forwarding/senders.ts';
import { decodeAddress, encodeAddressDump, RTM_ADDRESS } from '../codec/address.ts';
import { bytes, text, u32, type Attribute } from '../codec/attributes.ts';
import { encodeLink, IFF, IFLA, RTM_LINK, vethInfo, type LinkMessage } from '../codec/link.ts';
import { FLAG } from '../codec/messages.ts';
import { RT_SCOPE } from '../codec/route.ts';
import { macBytes } from '../codec/values.ts';
import { commit } from '../nftables/commit.ts';
import { deafMessages, guardedLinks, guardMessages, noGuardMessages } from '../nftables/port-guard-table.ts';
import { changeSenders, readSenders } from '../nftables/senders.ts';
import type { NetfilterSocket } from '../nftables/transport.ts';
import { LINK_NAMES } from './attribute-names.ts';
import { executeAll } from './change-links.ts';
import { linkNamed } from './links.ts';
import {
  ensureSegmentLinks,
  makePort,
  memberPorts,
  putBehind,
  raiseSegment,
  removeLink,
  removeSegmentLinks,
  setLink,
  writeForwarding,
  type Requests,
  type SegmentLinks,
} from './segment.ts';

/** In the node's namespace. */
export interface SegmentSockets {
  readonly links: Requests;
  readonly filter: NetfilterSocket;
}

export interface PortSockets extends SegmentSockets {
  /** In the pod's namespace. */
  readonly pod: Requests;
  /** Open, of the node's namespace. */
  readonly hostFd: number;
}

/** The network on this node, up, whether or not it has a port yet. @throws PodwireError LinkConflict, InvalidLink, KernelBusy; NetlinkRefused */
function ensureSegment({ links: socket, filter }: SegmentSockets, plan: SegmentPlan): SegmentLinks & SegmentChanges {
  const links = ensureSegmentLinks(socket, plan);
  const change = sendersDifference(readSenders(filter, plan.device), plan.senders);
  // Nodes that are new may send before they are sent to, and those that left no longer.
  if (change !== undefined) changeSenders(filter, plan.device, change);
  const guarded = guardedLinks(filter);
  // Of a bridge that went and was made anew the table has no chain any more.
  if (linkNamed(socket, plan.bridge)?.up !== true || !guarded.has(plan.bridge))
    commit(filter, deafMessages(plan.bridge));
  const ports = new Set((memberPorts(socket, plan) ?? []).map(({ name }) => name));
  // Whoever empties the node's rules, as its firewall's service does, takes these along.
  for (const { port, guard } of plan.guards)
    if (ports.has(port) && !guarded.has(port)) commit(filter, guardMessages(port, guard));
  const changes = writeForwarding(socket, links, plan);
  raiseSegment(socket, links, plan);
  return { ...links, ...changes };
}

/** Where no member's port is left, everything goes; `absent`: there was nothing. */
export function syncSegment(sockets: SegmentSockets, plan: SegmentPlan): SegmentChanges | 'absent' {
  const ports = memberPorts(sockets.links, plan);
  if (ports === undefined || ports.length === 0) {
    removeSegment(sockets, plan);
    return 'absent';
  }
  const { written, removed, moved } = ensureSegment(sockets, plan);
  for (const { index, mtu } of ports)
    if (mtu !== plan.mtu) setLink(sockets.links, { index, attributes: [mtuOf(plan)] });
  return { written, removed, moved };
}

/**
 * The port, down where it is new; the network on this node is made when it is missing.
 * @returns the pod's end, as it was found or made
 * @throws as `ensureSegment`
 */
export function ensurePort(sockets: PortSockets, plan: SegmentPlan, port: SegmentPort): LinkMessage {
  const { links: host, pod, filter } = sockets;
  const pair = pairOf(sockets, port);
  const { bridge } = ensureSegment(sockets, plan);
  const [podEnd, hostEnd] = pair ?? newPair(sockets, plan, port);
  for (const [socket, end] of [
    [pod, podEnd],
    [host, hostEnd],
  ] as const) {
    if (end.alias !== port.alias) setLink(socket, { index: end.index, attributes: [aliasOf(port)] });
    if (end.mtu !== plan.mtu) setLink(socket, { index: end.index, attributes: [mtuOf(plan)] });
  }
  commit(filter, port.guard === undefined ? noGuardMessages(port.hostName) : guardMessages(port.hostName, port.guard));
  if (podEnd.mac !== port.mac) setLink(pod, { index: podEnd.index, attributes: [macOf(port)] });
  makePort(host, hostEnd, bridge, { flood: plan.floodUnknown, suppress: false, isolated: port.isolated });
  putBehind(host, hostEnd.index, port.mac);
  return podEnd;
}

/** Addresses of the pod's end; both ends are up afterwards, and the neighbours told. @throws NetlinkRefused; PodwireError as `executeAll` */
export function raisePort({ links: host, pod }: PortSockets, { index }: LinkMessage, port: SegmentPort): void {
  const wanted = port.addresses.map(cidr);
  const found = addressesOf(pod, index);
  const added = wanted.filter((each) => !found.includes(each));
  const wasUp = linkNamed(pod, port.podName)?.up === true;
  const name = port.podName;
  executeAll(pod, [
    ...added.map((each) => ({ op: 'add-address', name, cidr: each }) as const),
    ...found
      .filter((one) => !wanted.includes(one))
      .map((each) => ({ op: 'remove-address', name, cidr: each }) as const),
  ]);
  const hostEnd = linkNamed(host, port.hostName);
  if (hostEnd !== undefined) setLink(host, { index: hostEnd.index, flags: IFF.UP, change: IFF.UP });
  setLink(pod, { index, flags: IFF.UP, change: IFF.UP });
  // The bridge hears a port a moment after its link is up: what the kernel says by itself then comes too early.
  executeAll(pod, announcements(name, port.mac, wasUp ? added : wanted));
}

/**
 * The pod's end goes with the port. With the last one the network goes from this node.
 * @returns false: there was no such port
 * @throws NetlinkRefused; PodwireError KernelBusy
 */
export function removePort(
  sockets: SegmentSockets,
  names: SegmentNames,
  { hostName, alias }: Pick<SegmentPort, 'hostName' | 'alias'>,
): boolean {
  const { links: host, filter } = sockets;
  const end = linkNamed(host, linkName(hostName));
  const isOurs = end?.kind === 'veth' && isOwn(end, alias);
  if (end !== undefined && isOurs) removeLink(host, end.index);
  if (end === undefined || isOurs) commit(filter, noGuardMessages(hostName));
  if ((memberPorts(host, names) ?? []).length === 0) removeSegment(sockets, names);
  return isOurs;
}

function removeSegment({ links, filter }: SegmentSockets, names: SegmentNames): void {
  removeSegmentLinks(links, names);
  if (linkNamed(links, names.device) === undefined) changeSenders(filter, names.device, { kind: 'remove' });
  if (linkNamed(links, names.bridge) === undefined) commit(filter, noGuardMessages(names.bridge));
}

/** Without an alias it was interrupted while it was made. */
const isOwn = ({ alias }: LinkMessage, own: string): boolean => [undefined, '', own].includes(alias);

type Pair = readonly [pod: LinkMessage, host: LinkMessage];

/** Both ends, where they are each other's. What is left of an earlier try is removed. */
function pairOf({ pod, links: host }: PortSockets, port: SegmentPort): Pair | undefined {
  const podEnd = linkNamed(pod, linkName(port.podName));
  const hostEnd = linkNamed(host, linkName(port.hostName));
  if (podEnd !== undefined) {
    const isPair = hostEnd?.kind === 'veth' && podEnd.linkIndex === hostEnd.index && hostEnd.linkIndex === podEnd.index;
    if (podEnd.kind === 'veth' && isPair && isOwn(podEnd, port.alias)) return [podEnd, hostEnd];
    throw new PodwireError('LinkConflict', `the pod has an interface ${port.podName} already, which is not podwire's`);
  }
  if (hostEnd === undefined) return undefined;
  if (hostEnd.kind !== 'veth' || !isOwn(hostEnd, port.alias))
    throw new PodwireError('LinkConflict', `the node has a link ${port.hostName} already, which is another pod's`);
  removeLink(host, hostEnd.index);
  return undefined;
}

/** Asked for in the pod's namespace: this socket is surely there, while the number of an open file may be another one's by now. */
function newPair({ pod, links: host, hostFd }: PortSockets, plan: SegmentPlan, port: SegmentPort): Pair {
  const attributes = [
    text(IFLA.IFNAME, linkName(port.podName)),
    ...[mtuOf(plan), macOf(port)],
    vethInfo(linkName(port.hostName), hostFd, [mtuOf(plan)]),
  ];
  const payload = encodeLink({ attributes });
  pod.request({ type: RTM_LINK.NEW, flags: FLAG.CREATE | FLAG.EXCLUDE, payload }, LINK_NAMES);
  return [made(pod, port.podName), made(host, port.hostName)];
}

function made(socket: Requests, name: string): LinkMessage {
  const link = linkNamed(socket, name);
  if (link === undefined) throw new PodwireError('CommandFailed', `${name} went again as soon as it was made`);
  return link;
}

const mtuOf = ({ mtu }: Pick<SegmentPlan, 'mtu'>): Attribute => u32(IFLA.MTU, integer('mtu', mtu, 68, 65535));
const macOf = (port: SegmentPort): Attribute => bytes(IFLA.ADDRESS, macBytes(mac(port.mac)));
const aliasOf = ({ alias }: SegmentPort): Attribute => bytes(IFLA.IFALIAS, Buffer.from(aliasText(alias)));

/** Those of the pod's end, with prefixes, without the link-local ones that the kernel gives it. */
const addressesOf = (socket: Requests, index: number): string[] =>
  socket
    .dump(RTM_ADDRESS.GET, encodeAddressDump({ index }))
    .map(decodeAddress)
    .filter((each) => each.index === index && each.scope !== RT_SCOPE.LINK)
    .map((each) => `${each.address}/${each.prefix}`);
