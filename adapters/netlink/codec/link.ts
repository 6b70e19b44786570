/** Links: `struct ifinfomsg` and its attributes (linux/if_link.h, linux/rtnetlink.h; IFF_UP is linux/if.h's, VETH_INFO_PEER linux/veth.h's). */
import { be16, bytes, decodeAttributes, encodeAttributes, listAttributes, nested, read } from './attributes.ts';
import { text, u32, u8, type Attribute } from './attributes.ts';
import { MalformedNetlink } from './malformed.ts';
import { attributeNames, present } from './present.ts';
import { header, ipBytes, ipText, macText } from './values.ts';

export const RTM_LINK = { NEW: 16, DELETE: 17, GET: 18, SET: 19 } as const;

/** Bytes of `struct ifinfomsg`. */
export const LINK_HEADER = 16;

export const IFF = { UP: 1 } as const;

export const IFLA = {
  ADDRESS: 1,
  BROADCAST: 2,
  IFNAME: 3,
  MTU: 4,
  LINK: 5,
  QDISC: 6,
  MASTER: 10,
  TXQLEN: 13,
  OPERSTATE: 16,
  LINKINFO: 18,
  NET_NS_PID: 19,
  IFALIAS: 20,
  STATS64: 23,
  GROUP: 27,
  NET_NS_FD: 28,
  EXT_MASK: 29,
  LINK_NETNSID: 37,
  TARGET_NETNSID: 46,
  NEW_IFINDEX: 49,
  PROP_LIST: 52,
  ALT_IFNAME: 53,
} as const;

export const IFLA_INFO = { KIND: 1, DATA: 2 } as const;

const IFLA_VXLAN = {
  ID: 1,
  GROUP: 2,
  LINK: 3,
  LOCAL: 4,
  TTL: 5,
  TOS: 6,
  LEARNING: 7,
  AGEING: 8,
  LIMIT: 9,
  PORT_RANGE: 10,
  PROXY: 11,
  RSC: 12,
  L2MISS: 13,
  L3MISS: 14,
  PORT: 15,
  GROUP6: 16,
  LOCAL6: 17,
  UDP_CSUM: 18,
  UDP_ZERO_CSUM6_TX: 19,
  UDP_ZERO_CSUM6_RX: 20,
  REMCSUM_TX: 21,
  REMCSUM_RX: 22,
  GBP: 23,
  REMCSUM_NOPARTIAL: 24,
  COLLECT_METADATA: 25,
  LABEL: 26,
  GPE: 27,
  TTL_INHERIT: 28,
  DF: 29,
  VNIFILTER: 30,
  LOCALBYPASS: 31,
} as const;

const VETH_INFO_PEER = 1;

export const LINK_ATTRIBUTE_NAMES = attributeNames('IFLA', IFLA);

export interface LinkRequest {
  readonly index?: number;
  readonly flags?: number;
  /** Which of the flags count. */
  readonly change?: number;
  readonly attributes?: readonly Attribute[];
}

/** @throws RangeError for a number that its field does not hold */
export function encodeLink({ index = 0, flags = 0, change = 0, attributes = [] }: LinkRequest): Buffer {
  const head = Buffer.alloc(LINK_HEADER);
  head.writeInt32LE(index, 4);
  head.writeUInt32LE(flags, 8);
  head.writeUInt32LE(change, 12);
  return Buffer.concat([head, encodeAttributes(attributes)]);
}

/** Since the link was made; the first ten of `struct rtnl_link_stats64`, which every kernel has. */
interface LinkStatistics {
  readonly rxPackets: bigint;
  readonly txPackets: bigint;
  readonly rxBytes: bigint;
  readonly txBytes: bigint;
  readonly rxErrors: bigint;
  readonly txErrors: bigint;
  readonly rxDropped: bigint;
  readonly txDropped: bigint;
  readonly multicast: bigint;
  readonly collisions: bigint;
}

export interface VxlanData {
  readonly vni?: number;
  readonly dstPort?: number;
  readonly srcPorts?: { readonly low: number; readonly high: number };
  readonly linkIndex?: number;
  readonly learning?: boolean;
  readonly local?: string;
  readonly local6?: string;
  readonly group?: string;
  readonly group6?: string;
  readonly ttl?: number;
  readonly ttlInherit?: boolean;
  readonly tos?: number;
  readonly df?: number;
  readonly label?: number;
  /** Seconds. */
  readonly ageing?: number;
  readonly limit?: number;
  readonly proxy: boolean;
  readonly rsc: boolean;
  readonly l2miss: boolean;
  readonly l3miss: boolean;
  readonly udpCsum?: boolean;
  readonly udpZeroCsum6Tx: boolean;
  readonly udpZeroCsum6Rx: boolean;
  readonly remcsumTx: boolean;
  readonly remcsumRx: boolean;
  readonly remcsumNopartial: boolean;
  readonly gbp: boolean;
  readonly gpe: boolean;
  readonly collectMetadata: boolean;
  /** Absent in kernels before 5.18. */
  readonly vnifilter?: boolean;
  readonly localbypass?: boolean;
}

export interface LinkMessage {
  /** AF_UNSPEC; AF_BRIDGE in what a bridge tells of its port, whose RTM_DELLINK does not mean that the link is gone. */
  readonly family: number;
  readonly index: number;
  /** '' in the messages of wireless extensions, which tell nothing else either. */
  readonly name: string;
  readonly flags: number;
  readonly up: boolean;
  /** ARPHRD_… of linux/if_arp.h. */
  readonly type: number;
  /** Bytes; 0 when the message does not say. */
  readonly mtu: number;
  /** Lower-case hex with colons; '' for a link without one. */
  readonly mac: string;
  readonly alias?: string;
  readonly kind?: string;
  readonly masterIndex?: number;
  /** The link below: a parent, or the other end of a veth pair; 0 when there is none any more. */
  readonly linkIndex?: number;
  /** The netns that `linkIndex` counts in; absent: this one. -1: one without an id here. */
  readonly linkNetnsid?: number;
  readonly altNames: readonly string[];
  readonly operstate?: number;
  readonly stats?: LinkStatistics;
  readonly vxlan?: VxlanData;
  readonly txQueueLength?: number;
  readonly qdisc?: string;
  readonly group?: number;
}

/** The payload of RTM_NEWLINK or RTM_DELLINK. @throws MalformedNetlink */
export function decodeLink(payload: Buffer): LinkMessage {
  const head = header(payload, LINK_HEADER, 'struct ifinfomsg');
  const attributes = decodeAttributes(payload.subarray(LINK_HEADER));
  const flags = head.readUInt32LE(8);
  return present({
    family: head.readUInt8(0),
    index: head.readInt32LE(4),
    name: read.text(attributes, IFLA.IFNAME) ?? '',
    flags,
    up: (flags & IFF.UP) !== 0,
    type: head.readUInt16LE(2),
    mtu: read.u32(attributes, IFLA.MTU) ?? 0,
    mac: macText(attributes.get(IFLA.ADDRESS) ?? Buffer.alloc(0)),
    alias: read.text(attributes, IFLA.IFALIAS),
    masterIndex: read.u32(attributes, IFLA.MASTER),
    linkIndex: read.u32(attributes, IFLA.LINK),
    linkNetnsid: read.i32(attributes, IFLA.LINK_NETNSID),
    altNames: altNames(attributes.get(IFLA.PROP_LIST)),
    operstate: read.u8(attributes, IFLA.OPERSTATE),
    stats: statistics(attributes.get(IFLA.STATS64)),
    txQueueLength: read.u32(attributes, IFLA.TXQLEN),
    qdisc: read.text(attributes, IFLA.QDISC),
    group: read.u32(attributes, IFLA.GROUP),
    ...linkInfo(read.nested(attributes, IFLA.LINKINFO)),
  });
}

const altNames = (properties: Buffer | undefined): string[] =>
  properties === undefined
    ? []
    : listAttributes(properties)
        .filter(({ type }) => type === IFLA.ALT_IFNAME)
        .map(({ type, value }) => read.text(new Map([[type, value]]), type) ?? '');

function linkInfo(info: Map<number, Buffer> | undefined): { kind?: string; vxlan?: VxlanData } {
  if (info === undefined) return {};
  const kind = read.text(info, IFLA_INFO.KIND);
  if (kind === undefined) return {};
  // IFLA_INFO_DATA of another kind has other attributes.
  const data = kind === 'vxlan' ? read.nested(info, IFLA_INFO.DATA) : undefined;
  return data === undefined ? { kind } : { kind, vxlan: vxlanData(data) };
}

/** Newer kernels append counters. */
function statistics(value: Buffer | undefined): LinkStatistics | undefined {
  if (value === undefined) return undefined;
  if (value.length < 80) throw new MalformedNetlink(`IFLA_STATS64 of ${value.length} bytes`);
  const counter = (position: number): bigint => value.readBigUInt64LE(position * 8);
  return {
    rxPackets: counter(0),
    txPackets: counter(1),
    rxBytes: counter(2),
    txBytes: counter(3),
    rxErrors: counter(4),
    txErrors: counter(5),
    rxDropped: counter(6),
    txDropped: counter(7),
    multicast: counter(8),
    collisions: counter(9),
  };
}

function vxlanData(data: ReadonlyMap<number, Buffer>): VxlanData {
  const isOn = (type: number): boolean => toggle(data, type) === true;
  const ip = (type: number): string | undefined => ipOf(data, type);
  return present({
    vni: read.u32(data, IFLA_VXLAN.ID),
    dstPort: read.be16(data, IFLA_VXLAN.PORT),
    srcPorts: portRange(data.get(IFLA_VXLAN.PORT_RANGE)),
    linkIndex: read.u32(data, IFLA_VXLAN.LINK),
    learning: toggle(data, IFLA_VXLAN.LEARNING),
    local: ip(IFLA_VXLAN.LOCAL),
    local6: ip(IFLA_VXLAN.LOCAL6),
    group: ip(IFLA_VXLAN.GROUP),
    group6: ip(IFLA_VXLAN.GROUP6),
    ttl: read.u8(data, IFLA_VXLAN.TTL),
    ttlInherit: toggle(data, IFLA_VXLAN.TTL_INHERIT),
    tos: read.u8(data, IFLA_VXLAN.TOS),
    df: read.u8(data, IFLA_VXLAN.DF),
    label: read.be32(data, IFLA_VXLAN.LABEL),
    ageing: read.u32(data, IFLA_VXLAN.AGEING),
    limit: read.u32(data, IFLA_VXLAN.LIMIT),
    proxy: isOn(IFLA_VXLAN.PROXY),
    rsc: isOn(IFLA_VXLAN.RSC),
    l2miss: isOn(IFLA_VXLAN.L2MISS),
    l3miss: isOn(IFLA_VXLAN.L3MISS),
    udpCsum: toggle(data, IFLA_VXLAN.UDP_CSUM),
    udpZeroCsum6Tx: isOn(IFLA_VXLAN.UDP_ZERO_CSUM6_TX),
    udpZeroCsum6Rx: isOn(IFLA_VXLAN.UDP_ZERO_CSUM6_RX),
    remcsumTx: isOn(IFLA_VXLAN.REMCSUM_TX),
    remcsumRx: isOn(IFLA_VXLAN.REMCSUM_RX),
    remcsumNopartial: isOn(IFLA_VXLAN.REMCSUM_NOPARTIAL),
    gbp: isOn(IFLA_VXLAN.GBP),
    gpe: isOn(IFLA_VXLAN.GPE),
    collectMetadata: isOn(IFLA_VXLAN.COLLECT_METADATA),
    vnifilter: toggle(data, IFLA_VXLAN.VNIFILTER),
    localbypass: toggle(data, IFLA_VXLAN.LOCALBYPASS),
  });
}

/** A flag attribute is empty and says yes by being there (GBP, GPE, REMCSUM_NOPARTIAL); the others hold a byte. */
const toggle = (data: ReadonlyMap<number, Buffer>, type: number): boolean | undefined =>
  data.get(type)?.length === 0 ? true : toBoolean(read.u8(data, type));

const toBoolean = (value: number | undefined): boolean | undefined => (value === undefined ? undefined : value !== 0);

function ipOf(data: ReadonlyMap<number, Buffer>, type: number): string | undefined {
  const value = data.get(type);
  return value === undefined ? undefined : ipText(value);
}

/** `struct ifla_vxlan_port_range`: two big-endian numbers. */
function portRange(value: Buffer | undefined): { low: number; high: number } | undefined {
  if (value === undefined) return undefined;
  if (value.length !== 4) throw new MalformedNetlink(`IFLA_VXLAN_PORT_RANGE of ${value.length} bytes`);
  return { low: value.readUInt16BE(0), high: value.readUInt16BE(2) };
}

export interface NewVxlan {
  readonly vni: number;
  readonly dstPort: number;
  readonly srcPorts?: { readonly first: number; readonly last: number };
  readonly linkIndex?: number;
  readonly learning: boolean;
  /** Its family becomes that of the device's tunnels. */
  readonly local?: string;
}

const linkInfoOf = (kind: string, data: readonly Attribute[] = []): Attribute =>
  nested(IFLA.LINKINFO, [text(IFLA_INFO.KIND, kind), ...(data.length === 0 ? [] : [nested(IFLA_INFO.DATA, data)])]);

/** IFLA_LINKINFO of a new VXLAN device. @throws RangeError for a port or an address that is none */
export function vxlanInfo({ vni, dstPort, srcPorts, linkIndex, learning, local }: NewVxlan): Attribute {
  const data = [u32(IFLA_VXLAN.ID, vni), learningOf(learning), be16(IFLA_VXLAN.PORT, dstPort)];
  if (linkIndex !== undefined) data.push(u32(IFLA_VXLAN.LINK, linkIndex));
  if (srcPorts !== undefined) data.push(bytes(IFLA_VXLAN.PORT_RANGE, portRangeBytes(srcPorts.first, srcPorts.last)));
  if (local !== undefined) data.push(localOf(ipBytes(local)));
  return linkInfoOf('vxlan', data);
}

const learningOf = (learning: boolean): Attribute => u8(IFLA_VXLAN.LEARNING, learning ? 1 : 0);

const localOf = (address: Buffer): Attribute =>
  bytes(address.length === 4 ? IFLA_VXLAN.LOCAL : IFLA_VXLAN.LOCAL6, address);

function portRangeBytes(first: number, last: number): Buffer {
  const range = Buffer.alloc(4);
  range.writeUInt16BE(first, 0);
  range.writeUInt16BE(last, 2);
  return range;
}

/** IFLA_LINKINFO that changes an existing VXLAN device and leaves the rest of it. */
export const vxlanChange = ({ learning, local }: { readonly learning: boolean; readonly local?: string }): Attribute =>
  linkInfoOf('vxlan', [learningOf(learning), ...(local === undefined ? [] : [localOf(ipBytes(local))])]);

/**
 * IFLA_LINKINFO of a veth pair.
 * @param peerNetnsFd open netns that the peer is made in; absent: that of the request
 * @param more attributes of the peer
 */
export function vethInfo(peerName: string, peerNetnsFd?: number, more: readonly Attribute[] = []): Attribute {
  const attributes = [text(IFLA.IFNAME, peerName), ...more];
  if (peerNetnsFd !== undefined) attributes.push(u32(IFLA.NET_NS_FD, peerNetnsFd));
  return linkInfoOf('veth', [bytes(VETH_INFO_PEER, encodeLink({ attributes }))]);
}

/** IFLA_LINKINFO of a bridge with the kernel's defaults. */
export const bridgeInfo = (): Attribute => linkInfoOf('bridge');
